"""Study files: checked whole before anything runs, and explained where they are wrong."""

import pytest
import yaml

from lashley.errors import StudyError
from lashley.networks import mlp, save_weights
from lashley.studies import builtin, load
from lashley.studies.loading import reload

NEEDS = {"meyes2019-vgg19": ["data.root=images", "recovery.root=training"]}


@pytest.fixture
def written(tmp_path, tiny_study):
    """A function that writes a study file, changed, and gives its path."""

    def write(**changes):
        content = yaml.safe_load(tiny_study)
        for key, value in changes.items():
            part, _, name = key.partition("__")
            if name:
                content[part][name] = value
            else:
                content[part] = value
        (tmp_path / "s.yaml").write_text(yaml.safe_dump(content))
        return str(tmp_path / "s.yaml")

    return write


class TestBuiltin:
    @pytest.mark.parametrize("name", builtin())
    def test_loads_by_its_name_and_bears_it(self, name):
        study = load(name, NEEDS.get(name, []))
        assert study.name == name
        assert study.title == builtin()[name]

    def test_are_those_of_the_paper(self):
        names = ["digits-mlp", "meyes2019-mlp", "meyes2019-vgg19", "vgg19-cifar10"]
        assert list(builtin()) == names
        paper = load("meyes2019-mlp")
        assert paper.network.widths == [784, 20, 10, 10]
        assert paper.training.model_dump() == {
            "epochs": 100, "lr": 0.001, "momentum": 0.9, "batch_size": 256, "seed": 0,
        }  # fmt: skip
        assert (paper.network.bias, paper.population.networks) == (False, 20)
        assert (paper.ablation.site, paper.ablation.method) == ("fc1", "zero_weights")
        assert paper.figures.first_unit == 1

    @pytest.mark.parametrize("name", builtin())
    def test_written_out_and_read_again_is_the_same(self, name, tmp_path):
        change = "sweep.seed=7" if "vgg19" in name else "scores.seed=7"
        study = load(name, [change, *NEEDS.get(name, [])])
        (tmp_path / "again.yaml").write_text(study.to_yaml())
        assert load(str(tmp_path / "again.yaml")) == study
        assert reload(yaml.safe_load(study.to_yaml())) == study

    def test_written_out_it_says_every_default(self, written):
        text = load(written()).to_yaml()
        for words in ("resamples: 100", "perplexity: 40", "first_unit: 0", "initial: null"):
            assert words in text

    def test_unknown_names_the_nearest(self):
        with pytest.raises(StudyError) as caught:
            load("digit-mlp")
        assert "there is no 'digit-mlp'; the built-in ones are digits-mlp, meyes2019-mlp" in str(
            caught.value
        )
        assert "did you mean digits-mlp?" in str(caught.value)
        assert "Or give the path of a .yaml file" in str(caught.value)


class TestFile:
    def test_loads(self, written):
        study = load(written())
        assert (study.name, study.network.widths) == ("tiny", [64, 6, 5, 10])

    def test_is_not_there(self, tmp_path):
        with pytest.raises(StudyError, match=r"none\.yaml cannot be read .*Check the path"):
            load(str(tmp_path / "none.yaml"))
        (tmp_path / "folder.yaml").mkdir()
        with pytest.raises(StudyError, match="cannot be read"):
            load(str(tmp_path / "folder.yaml"))

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"a: [1, 2", "not valid YAML"), (b"a: b: c", "not valid YAML"),
            (b"!!python/object/apply:os.getcwd []", "not valid YAML"),
            (b"\xff\xfe\x00", "cannot be read|not valid YAML"),
            (b"", "must map"), (b"- 1", "must map keys to values"),
            (b"1: 2", "1: given 1; keys should be strings"),
        ],
    )  # fmt: skip
    def test_is_no_study(self, tmp_path, content, words):
        (tmp_path / "s.yaml").write_bytes(content)
        with pytest.raises(StudyError, match=words):
            load(str(tmp_path / "s.yaml"))

    @pytest.mark.parametrize(
        ("key", "near"),
        [("network__widht", "widths"), ("training__batchsize", "batch_size"), ("datas", "data"),
         ("embedding", None), ("population__network", "networks")],
    )  # fmt: skip
    def test_unknown_keys_name_their_nearest_neighbour(self, written, key, near):
        dotted = key.replace("__", ".")
        if near is None:
            key, dotted, near = "embedding", "embedding.perplexty", "perplexity"
            path = written(embedding={"perplexty": 3})
        else:
            path = written(**{key: 3})
        with pytest.raises(StudyError) as caught:
            load(path)
        assert f"{dotted}: there is no such key; did you mean {near}?" in str(caught.value)
        assert "lashley list" in str(caught.value)

    @pytest.mark.parametrize(
        ("key", "value", "words"),
        [
            ("training__epochs", "ten", r"training\.epochs: given 'ten'; input should be a valid"),
            ("training__epochs", 0, "given 0; input should be greater than or equal to 1"),
            ("training__epochs", 2.5, r"given 2\.5"),
            ("training__epochs", True, "given True"),
            ("training__lr", 0, "greater than 0"),
            ("training__lr", float("inf"), "finite"),
            ("training__lr", float("nan"), "training.lr"),
            ("training__momentum", 1.0, "less than 1"),
            ("training__seed", -1, "greater than or equal to 0"),
            ("embedding", {"perplexity": float("inf")}, "finite"),
            ("embedding", {"components": 1}, "greater than or equal to 2"),
            ("network__widths", [64, 10], "at least 3 items"),
            ("network__widths", [64, 0, 10], r"network\.widths\.1: given 0"),
            ("network__widths", 64, "valid list"),
            ("network__bias", "yes", "valid boolean"),
            ("population__networks", 1, "greater than or equal to 2"),
            ("data__name", "cifar", r"data\.name: given 'cifar'; input should be 'mnist' or"),
            ("data", "digits", "data: given 'digits'"),
            ("ablation__method", "mean", r"ablation\.method: given 'mean', which needs reference"),
            ("ablation__method", "noise(1)", "which needs reference .*allowed are silence, zero_w"),
            ("ablation__method", "average", "given 'average'; allowed are silence, zero_weights"),
            ("ablation__method", "nowhere:Method", "which cannot be imported"),
            ("ablation__method", "scale", "whose arguments do not fit"),
            ("ablation__method", 3, "ablation.method: given 3; input should be a valid string"),
            ("figures", {"first_unit": 2}, "should be 0 or 1"),
            ("scores", {"resamples": 10}, "greater than or equal to 100"),
            ("name", "a/b", "should match pattern"),
            ("name", "../up", "should match pattern"),
            ("title", 3, "title: given 3; input should be a valid string"),
        ],
    )
    def test_wrong_values_are_named_with_what_is_allowed(self, written, key, value, words):
        with pytest.raises(StudyError, match=words):
            load(written(**{key: value}))

    @pytest.mark.parametrize(("given", "text"), [
        ("scale( 0.5 )", "scale(0.5)"), ("constant(1)", "constant(1.0)"),
        ("test_methods:Clipped", "test_methods:Clipped(0.25)")])  # fmt: skip
    def test_methods_stand_there_in_their_one_form(self, written, given, text):
        assert load(written(ablation__method=given)).ablation.method == text

    def test_missing_keys_and_all_else_are_told_at_once(self, tmp_path):
        (tmp_path / "s.yaml").write_text(
            "name: x\ntitle: x\npopulation: {}\ndata: {}\nnetwrok: {}\n"
        )
        with pytest.raises(StudyError) as caught:
            load(str(tmp_path / "s.yaml"))
        message = str(caught.value)
        for words in (
            "6 things",
            "data.name: is missing",
            "network: is missing",
            "training: is missing",
            "ablation: is missing",
            "did you mean network?",
        ):
            assert words in message


class TestWhatDoesNotGoTogether:
    @pytest.mark.parametrize("widths", [[784, 6, 10], [64, 6, 11], [63, 6, 10]])
    def test_widths_and_data(self, written, widths):
        with pytest.raises(StudyError, match="digits needs 64 inputs and 10 outputs"):
            load(written(network__widths=widths))

    @pytest.mark.parametrize("site", ["fc3", "fc0", "relu1", ""])
    def test_site_and_layers(self, written, site):
        with pytest.raises(StudyError, match=r"ablation\.site: given .*allowed are fc1, fc2\."):
            load(written(ablation__site=site))

    def test_pairs_and_a_single_unit(self, written):
        with pytest.raises(StudyError, match=r"fc1 has 1 unit; pairs need at least 2\. Widen it"):
            load(written(network__widths=[64, 1, 5, 10]))
        assert load(written(network__widths=[64, 1, 5, 10], ablation__site="fc2"))

    def test_the_authors_networks_and_other_data(self, written):
        with pytest.raises(StudyError, match="784-20-10-10, bias-free, for MNIST only"):
            load(written(network__weights="authors"))
        with pytest.raises(StudyError, match="784-20-10-10, bias-free, for MNIST only"):
            load("meyes2019-mlp", ["network.weights=authors", "network.widths=[784, 21, 10, 10]"])
        assert load("meyes2019-mlp", ["network.weights=authors"]).network.weights == "authors"

    def test_weights_from_a_file_need_the_initial_ones(self, written, tmp_path):
        weights = tmp_path / "w.safetensors"
        save_weights(mlp([64, 6, 5, 10], bias=False), weights)
        with pytest.raises(StudyError, match=r"network\.initial: .*--set network\.initial=FILE"):
            load(written(network__weights=str(weights)))
        none = str(tmp_path / "none.pt")
        with pytest.raises(StudyError, match=r"network\.initial: there is no file .*none\.pt"):
            load(written(network__weights=str(weights), network__initial=none))
        with pytest.raises(StudyError, match=r"network\.weights: .* a file, train, authors\. Che"):
            load(written(network__weights="trian", network__initial=str(weights)))
        both = load(written(network__weights=str(weights), network__initial=str(weights)))
        assert both.network.initial == str(weights)


class TestSet:
    def test_nested_keys_and_keys_that_the_file_leaves_out(self, written):
        study = load(written(), ["training.epochs=7", "network.widths=[64, 4, 3, 10]",
                                 "embedding.perplexity=12.5", "title='1'", "network.bias=true",
                                 "training.epochs=8"])  # fmt: skip
        assert study.training.epochs == 8
        assert study.network.widths == [64, 4, 3, 10]
        assert study.embedding.perplexity == 12.5
        assert study.title == "1"
        assert study.network.bias is True

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("training.epochs", "given 'training.epochs'; allowed is key=value"),
            ("=3", "allowed is key=value: network.weights=authors"),
            ("training.epoch=3", r"training\.epoch: there is no such key; did you mean epochs\?"),
            ("trainning.epochs=3", "trainning: there is no such key; did you mean training"),
            ("title.x=3", "title holds a value, not keys. Set it as a whole"),
            ("training.epochs=[1", "the value is not valid YAML"),
            ("training.epochs=ten", r"training\.epochs: given 'ten'"),
            ("training.epochs=", r"training\.epochs: given None"),
        ],
    )
    def test_what_cannot_be_set(self, written, setting, words):
        with pytest.raises(StudyError, match=words):
            load(written(), [setting])

    def test_leaves_the_file_and_the_next_loading_alone(self, written):
        path = written()
        load(path, ["training.epochs=7"])
        assert load(path).training.epochs == 2
        load("digits-mlp", ["training.epochs=7"])
        assert load("digits-mlp").training.epochs == 100


def test_a_study_cannot_be_changed_in_place(written):
    with pytest.raises(ValueError, match="frozen"):
        load(written()).training.epochs = 3


def test_set_takes_numbers_in_scientific_notation():
    assert load("digits-mlp", ["training.lr=1e-3"]).training.lr == 0.001
    assert load("digits-mlp", ["title=1st"]).title == "1st"
