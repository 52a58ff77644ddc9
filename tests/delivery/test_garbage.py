import gc
from contextlib import ExitStack

from newsletter.delivery.garbage import searched_seldom


def test_the_usual_search_for_garbage_comes_back_with_the_last_worker_whoever_leaves_first():
    usual = gc.get_threshold()
    first, second = ExitStack(), ExitStack()
    first.enter_context(searched_seldom())
    second.enter_context(searched_seldom())
    assert gc.get_threshold()[0] > usual[0]
    first.close()
    assert gc.get_threshold()[0] > usual[0]
    second.close()
    assert gc.get_threshold() == usual
