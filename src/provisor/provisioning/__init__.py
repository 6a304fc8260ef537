"""The decisions: who should have an account, what it should say, and what must be sent so that it does.

Everything here is values in, values out; *now*, random numbers and answers from other systems are arguments. One
object's way through (``sync.planning`` walks it, ``docs/lifecycle.md`` tells it):

    schema.compile_schema   the synchronizationSchema document, made ready to run
    scope.evaluate          is this object in scope, and if not, which rule (``filters``) says so
    map.desire              what each target attribute should be
    match.questions, match.pick   which account at the target is this object's
    diff.differences        what of it differs from what the target has
    decide.decide           one Change, with its reason
    plan.Plan               remembers what it promised, counts, and hashes; ``guards`` hold one that harms too many
    steps.steps             a change as the log tells it, step by step

``templates`` holds the documents that applications start from; ``edit``, ``edit_object`` and ``discovery`` are the
changes that administrators make to them, ``check`` and ``trial`` what they look at before. ``policies`` is what they
decide beside, ``capabilities`` what a target can do.
"""
