"""A provisioning cycle: from what the directory says to what the target has, and a record of each step.

    cycle        one cycle or dry run, from the lease to the last log row; calls the others in this order
    intake       the source's change feed becomes dirty objects; the watermark moves in the same transaction
    planning     each dirty object is read as it is now and becomes a Change; ``answers`` asks the target
    references   members and managers of what was planned, of which both ends have (or will have) accounts
    unique       values that the target must not have yet
    revert       instead of planning: another cycle, the other way round
    applying     the plan's changes become requests; ``outcomes`` says what each answer means, ``stopping`` when to end
    ledger       the engine's own tables: links, intents, plans, log; every write is fenced by the lease's epoch
    promises     what is durable before a page is sent; ``settling`` writes what came of it
    leavers      who left and may still be active; made from the directory's feed, without the target
    plan_file    a plan as a document that is approved and applied
    explain      one object from scope to the next cycle; ``doctor`` the whole application, ``survey`` the whole target
    summary      rows of the log, step by step and in files; ``report`` counts them
    connection   *Test Connection*, and what the target can do
    notices      somebody hears of a quarantine, when it begins and when it ends
    schedule     which application's cycle is due; run by the server

A cycle knows its two ends only as the Source and Target contracts of ``connectors.base``.
"""
