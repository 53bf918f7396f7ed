using Woodgrove.Citus.Ingest.Import;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Core.Tests.Ingest.Import;

/// <summary>What a failed load says is in the table, by the state that it failed in.</summary>
public sealed class AttemptStateTests
{
    private static readonly Guid Import = Guid.Parse("11111111-2222-3333-4444-555555555555");

    private static readonly ImportPosition Some = new(3, 4096, "xxh3:0", 120, 2);

    [Theory]
    [InlineData("Resuming", "None", true, false,
        "The rows that earlier runs of import 11111111-2222-3333-4444-555555555555 committed are unchanged.")]
    [InlineData("Resuming", "None", false, false, "The rows that earlier runs committed are unchanged.")]
    [InlineData("Loading", "Unknown", false, false,
        "Connection lost during COMMIT; the outcome is unknown: all rows of the file are in events, or none. "
            + "With -ImportId or -Checkpoint the ledger records the outcome.")]
    [InlineData("Loading", "Unknown", true, false,
        "120 rows up to byte 4096 are committed, or one batch more; -ImportId 11111111-2222-3333-4444-555555555555 finds out, "
            + "and continues after the last committed batch.")]
    [InlineData("Loading", "Partial", true, false,
        "Some nodes may have committed their part of a batch, and others not: -ImportId 11111111-2222-3333-4444-555555555555 loads what "
            + "is missing.")]
    [InlineData("Loading", "Committed", true, false,
        "120 rows up to byte 4096 are committed; -ImportId 11111111-2222-3333-4444-555555555555 continues after them.")]
    [InlineData("Merging", "Committed", true, true,
        "Nothing of the file is in events; 120 rows up to byte 4096 are committed to a staging table; "
            + "-ImportId 11111111-2222-3333-4444-555555555555 continues after them.")]
    [InlineData("Complete", "Committed", true, true, "All rows of the file are in events.")]
    public void Each_state_says_what_is_in_the_table(string phase, string outcome, bool hasLedger, bool isStaged, string expected)
    {
        var state = new AttemptState("events")
        {
            Phase = Enum.Parse<ImportPhase>(phase), Outcome = Enum.Parse<CommitOutcome>(outcome), Position = Some,
            ImportId = hasLedger ? Import : null, IsStaged = isStaged,
        };

        Assert.Equal(expected, state.ToString());
    }

    [Fact]
    public void Before_the_first_commit_nothing_is_in_the_table()
    {
        var state = new AttemptState("events") { ImportId = Import };

        Assert.Equal("Nothing of the file is in events.", state.ToString());
        Assert.False(state.HasCommitted);
        Assert.False(state.IsInDoubt);
    }

    [Theory]
    [InlineData("Committed", true, false)]
    [InlineData("Partial", true, true)]
    [InlineData("Unknown", true, true)]
    public void What_may_be_committed_is_not_forgotten(string outcome, bool hasCommitted, bool isInDoubt)
    {
        var state = new AttemptState("events") { Outcome = Enum.Parse<CommitOutcome>(outcome) };

        Assert.Equal((hasCommitted, isInDoubt), (state.HasCommitted, state.IsInDoubt));
    }

    [Fact]
    public void Nothing_is_forgotten_while_the_ledger_has_not_been_read() =>
        Assert.True(new AttemptState("events") { Phase = ImportPhase.Resuming }.HasCommitted);

    [Fact]
    public void A_position_moves_on_by_a_committed_batch()
    {
        var batch = new ImportBatch(Import, 3, new TargetIdentity("events", 1, ""), "a.csv", "Shard", "xxh3:1", 4096, 8192, 100, 1, false);

        Assert.Equal(new ImportPosition(4, 8192, "xxh3:1", 220, 3), Some.After(batch));
    }
}
