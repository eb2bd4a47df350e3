"""What is computed of a batch is kept with it: later sites go on from there."""

import pytest
import torch
from torch import nn

import lashley as la
from lashley.engine import Batch, asked, prepare
from lashley.planning.laps import Course


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(),
              nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3)]  # fmt: skip
    return nn.Sequential(*layers).eval()


@pytest.fixture(scope="module")
def evaluation():
    model = network()
    data = la.Examples(torch.randn(40, 1, 8, 8), torch.arange(40) % 3, ("a", "b", "c"))
    cuts = [c for s in la.find_sites(model, data).values() for c in la.singles(s)]
    return asked(model, data, cuts)


def ranks(engine, batch, rows):
    return {int(n): r.tolist() for numbers, values in engine.run(batch, rows)
            for n, r in zip(torch.arange(100)[numbers], values["rank"], strict=True)}  # fmt: skip


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize(
    "turns", [[range(1, 3), range(3, 17)], [range(9, 17), range(1, 9)], [range(1, 17)] * 2]
)
def test_units_in_any_order_find_what_one_call_finds(evaluation, turns, small, monkeypatch):
    monkeypatch.setattr("lashley.engine.sweep.KEPT", 1 << 26 if small else 0)
    with torch.no_grad():
        engine = prepare(evaluation)
        whole = ranks(engine, engine.load(slice(0, 40)), set(range(1, 17)))
        batch, parts = engine.load(slice(0, 40)), {}
        for rows in turns:
            parts |= ranks(engine, batch, set(rows))
    assert len(whole) == 17
    assert parts == whole


def test_a_later_site_does_not_run_the_network_again(evaluation, monkeypatch):
    with torch.no_grad():
        engine = prepare(evaluation)
        batch = engine.load(slice(0, 40))
        list(engine.run(batch, {1, 2}))
        live, fast = (
            Batch.live,
            engine._built.engine.sweep.fast,
        )  # float64 looks at some examples apart

        def once(batch, program):
            return pytest.fail("again") if program is fast else live(batch, program)

        monkeypatch.setattr(Batch, "live", once)
        list(engine.run(batch, {9, 10}))
        with pytest.raises(BaseException, match="again"):
            list(engine.run(batch, {1}))


def test_a_lap_of_a_plan_pays_for_its_prefix_again(evaluation, monkeypatch):
    made, live = [], Batch.live

    def counted(batch, program):
        made.extend([1] * (program.dtype == torch.float32))
        return live(batch, program)

    monkeypatch.setattr(Batch, "live", counted)
    with torch.no_grad():
        engine = prepare(evaluation)
        course, batch = Course(engine, {1: "0", 2: "0"}), engine.load(slice(0, 40))
        course.lap(batch, [1])
        course.lap(batch, [1, 2])
    assert len(made) == 2
