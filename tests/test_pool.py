"""The pool's bookkeeping, with workers that answer as they are told to."""

import warnings
from collections import deque
from types import SimpleNamespace

import pytest

from lashley.distribute import Task, Work
from lashley.distribute.sharing import NotShared
from lashley.distribute.sources import Lanes
from lashley.distribute.stage import PooledWork
from lashley.errors import ClusterError, DataError, IntegrityError, TaskFailed

pytest.importorskip("ray")
from ray import exceptions

from lashley.distribute import pool as module
from lashley.distribute.pool import Pool

HERE, GONE = "node 1", "node 2"
LOST = exceptions.RayActorError()


class Method:
    """Answers with what it was told to, one after the other; the last one again and again."""

    def __init__(self, *answers):
        self.answers = deque(answers)

    def remote(self, *given):
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        return Call(answer(*given) if callable(answer) else answer)


class Call:
    """What Ray hands back at once, for an answer to come."""

    def __init__(self, answer):
        self.answer = answer


def worker(
    prepare=HERE,
    carry_out=lambda task: (task.content * 10, []),
    close=None,
    progress=lambda: ("", 0),
):
    methods = {"prepare": prepare, "carry_out": carry_out, "close": close, "progress": progress}
    return SimpleNamespace(
        **{name: Method(*(m if isinstance(m, tuple) else (m,))) for name, m in methods.items()}
    )


def raised(error):
    """As Ray hands over what was raised on a worker."""
    if isinstance(error, exceptions.RayError):
        return error
    return exceptions.RayTaskError("carry_out", "traceback", error)


@pytest.fixture(autouse=True)
def ray(monkeypatch):
    """Answers are there at once."""

    class Fake:
        def wait(self, calls, num_returns=1, timeout=None):
            return calls[:num_returns], calls[num_returns:]

        def get(self, call):
            if isinstance(call.answer, BaseException):
                raise raised(call.answer)
            return call.answer

        def nodes(self):
            return [{"NodeID": HERE, "Alive": True}, {"NodeID": GONE, "Alive": False}]

    monkeypatch.setattr(module, "ray", Fake())
    return module.ray


def run(pool, n=3, tell=lambda _: None, stage=None):
    kept = {}

    def lane(i):
        kept[i] = yield Task(str(i), i)

    pool.run(stage or numbers(), Lanes([lane(i) for i in range(n)], tell))
    return kept


def numbers():
    return PooledWork(Work("numbers", print, print), {})


def pool_of(*workers):
    """The last one is what every further worker is like."""
    waiting = deque(workers)
    return Pool(lambda: waiting.popleft() if len(waiting) > 1 else waiting[0], 1)


def test_all_is_done_once():
    assert run(pool_of(worker())) == {0: 0, 1: 10, 2: 20}


class TestPreparing:
    def test_workers_that_all_end_before_it_is_done_end_the_run(self):
        with pytest.raises(ClusterError, match="workers end before they have begun") as found:
            run(pool_of(worker(prepare=LOST)))
        assert "install Lashley on all nodes" in str(found.value)

    @pytest.mark.parametrize("error", [LOST, RuntimeError("CUDA error"), MemoryError()])
    def test_one_that_fails_is_replaced(self, error):
        assert run(pool_of(worker(prepare=error), worker(prepare=error), worker()))[2] == 20

    def test_what_all_would_refuse_ends_the_run_at_once(self):
        with pytest.raises(DataError, match="no data"):
            run(pool_of(worker(prepare=DataError("no data")), worker()))

    def test_the_last_one_that_is_refused_ends_the_run(self):
        with pytest.warns(UserWarning, match="others"), pytest.raises(NotShared, match="others"):
            run(pool_of(worker(prepare=NotShared("it has others"))))


class TestTasks:
    def test_of_a_worker_that_is_lost_three_times_end_the_run(self):
        pool = pool_of(worker(carry_out=LOST))
        with pytest.raises(TaskFailed, match=r"task numbers/0 failed 3 times.*its worker was lost"):
            run(pool)

    def test_of_a_node_that_is_lost_are_not_to_blame(self):
        gone = [worker(prepare=GONE, carry_out=LOST) for _ in range(5)]
        assert run(pool_of(*gone, worker())) == {0: 0, 1: 10, 2: 20}

    def test_are_as_far_as_the_worker_says_of_them_and_not_of_the_one_before(
        self, ray, monkeypatch
    ):
        monkeypatch.setattr(module, "_LOOK", -1)
        pool, wait, told = pool_of(worker(progress=lambda: ("1", 70))), ray.wait, []
        asked = []

        def late(calls, **how):  # each task takes several looks
            if how["timeout"] < 0 and pool._hands[0].task:
                asked.append(calls)
                return wait(calls, **how) if len(asked) % 6 == 0 else ([], calls)
            return wait(calls, **how)

        monkeypatch.setattr(ray, "wait", late)
        run(pool, tell=told.append)
        assert {"1": 70} in told
        assert {done for now in told for name, done in now.items() if name != "1"} == {0}

    def test_are_counted_anew_by_the_next_run(self):
        bad = worker(
            carry_out=(ValueError("two"), ValueError("two"), lambda task: (task.content, []))
        )
        pool = Pool(lambda: bad, 1)
        assert run(pool)[0] == 0
        bad.carry_out.answers.extendleft([ValueError("two"), ValueError("two")])
        assert run(pool)[0] == 0

    def test_left_behind_by_an_interruption_are_not_taken_for_those_of_the_next_run(
        self, ray, monkeypatch
    ):
        monkeypatch.setattr(module, "_LOOK", -1)
        pool, wait = pool_of(worker()), ray.wait

        def never(calls, **how):
            return ([], calls) if pool._hands[0].task else wait(calls, **how)

        def interrupted(running):
            if running:
                raise KeyboardInterrupt

        monkeypatch.setattr(ray, "wait", never)
        with pytest.raises(KeyboardInterrupt):
            run(pool, tell=interrupted)
        monkeypatch.setattr(ray, "wait", wait)
        assert run(pool, 5) == {i: 10 * i for i in range(5)}

    def test_keep_their_results_whatever_they_warn_of(self):
        pool = pool_of(worker(carry_out=lambda task: (task.content, ["UserWarning: hot"])))
        with pytest.warns(UserWarning, match="hot"):
            assert run(pool) == {0: 0, 1: 1, 2: 2}
        kept = []

        def lane():
            kept.append((yield Task("0", 7)))

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match="hot"):
                pool.run(numbers(), Lanes([lane()], lambda _: None))
        assert kept == [7]


def test_what_a_worker_finds_changed_at_the_end_is_raised():
    pool, stage = pool_of(worker(close=IntegrityError("network: changed"))), numbers()
    run(pool, stage=stage)
    with pytest.raises(IntegrityError, match="network: changed"):
        pool.close(stage)


def test_silence_is_said(ray, monkeypatch):
    monkeypatch.setattr(module, "_SILENCE", -1)
    monkeypatch.setattr(module, "_LOOK", -1)
    with pytest.warns(UserWarning, match="no worker has answered for"):
        run(pool_of(worker()))
