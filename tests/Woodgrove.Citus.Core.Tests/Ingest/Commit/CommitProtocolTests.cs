using Npgsql;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest.Commit;
using static Woodgrove.Citus.Core.Tests.Ingest.Commit.Cluster;

namespace Woodgrove.Citus.Core.Tests.Ingest.Commit;

/// <summary>Every step of every protocol, struck by every fault: after recovery a batch is loaded whole and once, or not at all.</summary>
public sealed class CommitProtocolTests
{
    public static TheoryData<Fault> Faults => [.. Enum.GetValues<Fault>()];

    [Theory, MemberData(nameof(Faults))]
    public async Task Two_phases_leave_all_or_nothing(Fault fault)
    {
        int struck = await AtEveryStepAsync(fault,
            cluster => new TwoPhaseCommit(cluster, cluster, cluster.Nodes, cluster.NameOf, new Nothing()),
            (cluster, told) =>
            {
                // What is no longer pending, every node has committed; recovery was not needed for it.
                if (cluster is { IsDecided: true, IsPending: false })
                    Assert.All(cluster.Nodes, n => Assert.Equal(State.Committed, n.State));
                // While a part is not ended, the guard protects the table.
                if (cluster.IsDecided && cluster.Nodes.Any(n => n.State == State.Prepared)) Assert.True(cluster.IsGuardPrepared);
                if (told is null) Assert.True(cluster.IsDecided);
                cluster.Recover();
                Assert.All(cluster.Nodes, n => Assert.Equal(cluster.IsDecided ? 1 : 0, n.Copies));
            });
        Assert.Equal(3 + 1 + 1 + 3 + 2, struck); // prepare, guard, decision, commit, settle and release
    }

    [Theory, MemberData(nameof(Faults))]
    public async Task A_part_a_node_is_completed_by_loading_what_is_not_known(Fault fault)
    {
        int struck = await AtEveryStepAsync(fault, cluster => new PartPerNode(cluster, cluster, cluster.Nodes, cluster.NameOf),
            (cluster, told) =>
        {
            if (told is null) Assert.True(cluster.IsDecided);
            cluster.Recover();
            if (!cluster.IsDecided)
                foreach (FakeNode node in cluster.Nodes.Where(n => !n.IsPartKnown)) node.LoadAgain();
            Assert.All(cluster.Nodes, n => Assert.Equal(1, n.Copies));
        });
        Assert.Equal(1 + 3 * 2 + 1 + 1, struck); // guard, part and commit a node, ledger, parts forgotten
    }

    [Theory, MemberData(nameof(Faults))]
    public async Task One_transaction_is_committed_whole_or_not_at_all(Fault fault)
    {
        int struck = await AtEveryStepAsync(fault, cluster => new SingleTransaction(null, cluster.Nodes[0]), (cluster, told) =>
        {
            cluster.Recover();
            Assert.Equal(told is null || fault is Fault.KilledAfter or Fault.LostAfter ? 1 : 0, cluster.Nodes[0].Copies);
        });
        Assert.Equal(1, struck);
    }

    [Fact]
    public async Task A_node_that_stays_away_after_the_decision_leaves_the_batch_pending_and_says_so()
    {
        var cluster = new Cluster(Fault.LostBefore, int.MaxValue, 3);
        var protocol = new TwoPhaseCommit(cluster, cluster, [cluster.Nodes[0], new Away(cluster.Nodes[1])], cluster.NameOf, new Nothing());

        var told = await Assert.ThrowsAsync<CitusException>(() => protocol.CommitAsync(cluster.Row, default));
        await protocol.DisposeAsync();

        Assert.Equal("CitusCommitPending", told.ErrorId);
        Assert.True(cluster is { IsDecided: true, IsPending: true, IsGuardPrepared: true });
        Assert.Equal((State.Committed, State.Prepared), (cluster.Nodes[0].State, cluster.Nodes[1].State));
    }

    [Theory]
    [InlineData(Fault.LostAfter, 1)]
    [InlineData(Fault.LostBefore, 0)]
    public async Task What_may_be_decided_stays_prepared_while_the_ledger_cannot_be_asked(Fault fault, int copies)
    {
        const int Decision = 4; // behind three parts and the guard
        var cluster = new Cluster(fault, Decision, 3) { StaysAway = true };
        var protocol = new TwoPhaseCommit(cluster, cluster, cluster.Nodes, cluster.NameOf, new Nothing());

        await Assert.ThrowsAsync<NpgsqlException>(() => protocol.CommitAsync(cluster.Row, default));
        await protocol.DisposeAsync();

        Assert.True(cluster is { HasStruck: true, IsGuardPrepared: true });
        Assert.All(cluster.Nodes, n => Assert.Equal(State.Prepared, n.State));
        cluster.Recover();
        Assert.All(cluster.Nodes, n => Assert.Equal(copies, n.Copies));
    }

    [Fact]
    public async Task A_cancelled_batch_rolls_back_until_it_is_decided_and_never_after()
    {
        var cluster = new Cluster(Fault.LostBefore, int.MaxValue, 3);
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        var protocol = new TwoPhaseCommit(cluster, cluster, cluster.Nodes, cluster.NameOf, new Nothing());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => protocol.CommitAsync(cluster.Row, stop.Token));
        await protocol.DisposeAsync();

        Assert.False(cluster.IsDecided || cluster.IsGuardPrepared || cluster.IsGuardOpen);
        Assert.All(cluster.Nodes, n => Assert.Equal(State.RolledBack, n.State));
    }

    /// <summary>Runs a commit once for each step that a fault can strike.</summary>
    /// <returns>How many steps were struck.</returns>
    private static async Task<int> AtEveryStepAsync(Fault fault, Func<Cluster, ICommitProtocol> begin, Action<Cluster, Exception?> check)
    {
        for (int step = 0; ; step++)
        {
            var cluster = new Cluster(fault, step, 3);
            Exception? told = null;
            ICommitProtocol protocol = begin(cluster);
            try
            {
                await protocol.CommitAsync(cluster.Row, default);
            }
            catch (Exception e) when (e is NpgsqlException or CitusException or Killed)
            {
                told = e;
            }
            if (!cluster.IsKilled) await protocol.DisposeAsync();
            check(cluster, told);
            if (!cluster.HasStruck) return step;
        }
    }

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => default;
    }

    /// <summary>A node that can't be reached once its part is prepared.</summary>
    private sealed class Away(INodePart part) : INodePart
    {
        public IReadOnlyList<Catalog.ShardRange> Shards => part.Shards;
        public string Node => part.Node;
        public bool HasWork => true;
        public Task RecordAsync(Citus.Ingest.Ledger.ImportBatch row, string attempt, CancellationToken stop) =>
            throw new NotSupportedException();
        public Task CommitAsync(CancellationToken stop) => throw new NotSupportedException();
        public Task PrepareAsync(Citus.Ingest.Ledger.PreparedName name, CancellationToken stop) => part.PrepareAsync(name, stop);
        public Task CommitPreparedAsync(TimeSpan patience) => throw new NpgsqlException("lost", new IOException());
        public Task RollbackAsync(bool endPrepared) => part.RollbackAsync(endPrepared);
    }
}
