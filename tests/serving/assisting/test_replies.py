"""A reply ends once the customer wrote what it did not read, whichever of the two came first."""

import threading

from serving.assisting.replies import Replies


def test_a_message_that_was_not_read_ends_its_conversations_replies_alone():
    replies, left = Replies(), [threading.Event() for _ in range(3)]
    with (
        replies.under_way("c1", left[0]) as one,
        replies.under_way("c1", left[1]) as two,
        replies.under_way("c2", left[2]) as other,
    ):
        for reply in (one, two, other):
            reply.reads(["m1"])
        replies.came("c1", ["m1"])
        assert [one.is_set() for one in left] == [False, False, False]
        replies.came("c1", ["m1", "m2"])
        assert [one.is_set() for one in left] == [True, True, False]
        assert (one.newer, two.newer, other.newer) == ("m2", "m2", "")


def test_one_that_came_while_the_conversation_was_being_read_ends_what_did_not_see_it():
    replies, saw, missed = Replies(), threading.Event(), threading.Event()
    with replies.under_way("c1", saw) as early, replies.under_way("c1", missed) as late:
        replies.came("c1", ["m2"])
        assert not saw.is_set()
        early.reads(["m1", "m2"])
        late.reads(["m1"])
        assert (saw.is_set(), missed.is_set(), late.newer) == (False, True, "m2")


def test_nothing_is_kept_of_what_is_over():
    replies, left = Replies(), threading.Event()
    with replies.under_way("c1", left) as reply:
        reply.reads([])
    replies.came("c1", ["m1"])
    assert not left.is_set()
    assert replies._under_way == {}
