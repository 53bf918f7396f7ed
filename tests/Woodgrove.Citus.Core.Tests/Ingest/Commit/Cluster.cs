using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Ingest.Commit;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Core.Tests.Ingest.Commit;

/// <summary>What a fault does to the step that it strikes.</summary>
public enum Fault
{
    /// <summary>The client is killed before the step.</summary>
    KilledBefore,

    /// <summary>The client is killed after the step, before it knows.</summary>
    KilledAfter,

    /// <summary>The connection is lost before the server has got the step.</summary>
    LostBefore,

    /// <summary>The server has carried the step out, and its answer is lost.</summary>
    LostAfter,
}

/// <summary>Nodes, a ledger and a guard in memory, where every step may be struck by a fault.</summary>
internal sealed class Cluster : IBatchLedger, ITableGuard
{
    private readonly Fault _fault;
    private readonly int _at;
    private int _step;

    /// <param name="fault">What strikes.</param>
    /// <param name="at">The step that it strikes, from 0.</param>
    public Cluster(Fault fault, int at, int nodes)
    {
        (_fault, _at) = (fault, at);
        Nodes = Enumerable.Range(0, nodes).Select(n => new FakeNode(this, n)).ToArray();
    }

    public FakeNode[] Nodes { get; }
    public Guid ImportId { get; } = new("0f0e0d0c-0b0a-0908-0706-050403020100");
    public string Attempt => "000000000001";

    /// <summary>Whether the fault has struck.</summary>
    public bool HasStruck { get; private set; }

    /// <summary>Whether the client lives no more.</summary>
    public bool IsKilled { get; private set; }

    public bool IsDecided { get; private set; }
    public bool IsPending { get; private set; }
    public bool IsGuardPrepared { get; private set; }
    public bool IsGuardOpen { get; private set; } = true;

    public ImportBatch Row { get; } = new(new("0f0e0d0c-0b0a-0908-0706-050403020100"), 0, new TargetIdentity("public.t", 1, "distributed"),
        "t.csv", "Shard", "xxh3:0", 0, 100, 10, 0, true);

    public PreparedName NameOf(string part) => new("000000000000", ImportId, 0, Attempt, part);

    /// <summary>What is left when the client's sessions have ended, and what recovery makes of it.</summary>
    public void Recover()
    {
        foreach (FakeNode node in Nodes) node.EndSession();
        IsGuardOpen = false;
        foreach (FakeNode node in Nodes) node.Recover(IsDecided);
        (IsPending, IsGuardPrepared) = (false, false);
    }

    public Task WriteAsync(ImportBatch batch, CancellationToken stop, bool isPending = false) =>
        StepAsync(() => (IsDecided, IsPending) = (true, isPending));

    /// <summary>Whether the coordinator can't be asked any more once the fault has struck.</summary>
    public bool StaysAway { get; init; }

    public Task<bool> IsDecidedAsync(int batch, CancellationToken stop) =>
        IsKilled ? throw new Killed() : StaysAway ? throw new NpgsqlException("away", new IOException()) : Task.FromResult(IsDecided);

    public Task SettleAsync(ImportBatch batch, TimeSpan patience) => StepAsync(() => IsPending = false);

    public Task ForgetPartsAsync(ImportBatch batch, CancellationToken stop) =>
        StepAsync(() => Array.ForEach(Nodes, n => n.IsPartKnown = false));

    public Task PrepareAsync(PreparedName name, CancellationToken stop) => StepAsync(() => (IsGuardPrepared, IsGuardOpen) = (true, false));

    public Task ReleaseAsync(TimeSpan patience) => StepAsync(() => IsGuardPrepared = false);

    public Task TryReleaseAsync()
    {
        if (!IsKilled) IsGuardPrepared = false;
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        if (!IsKilled) IsGuardOpen = false;
        return default;
    }

    private Task StepAsync(Action step)
    {
        if (IsKilled) throw new Killed();
        bool isStruck = _step++ == _at;
        HasStruck |= isStruck;
        if (isStruck && _fault == Fault.KilledBefore) throw Kill();
        if (isStruck && _fault == Fault.LostBefore) throw new NpgsqlException("lost", new IOException());
        step();
        if (isStruck && _fault == Fault.KilledAfter) throw Kill();
        if (isStruck && _fault == Fault.LostAfter) throw new NpgsqlException("lost", new IOException());
        return Task.CompletedTask;

        Killed Kill()
        {
            IsKilled = true;
            return new Killed();
        }
    }

    /// <summary>The client's end: no code of it runs after it.</summary>
    public sealed class Killed : Exception;

    public enum State
    {
        Open,
        Prepared,
        Committed,
        RolledBack,
    }

    public sealed class FakeNode(Cluster cluster, int number) : INodePart
    {
        public State State { get; private set; }

        /// <summary>Whether <c>import_part</c> has the node's ranges, as others see it.</summary>
        public bool IsPartKnown { get; set; }

        /// <summary>How often its rows are in the table.</summary>
        public int Copies { get; private set; }

        public IReadOnlyList<ShardRange> Shards { get; } = [new(number + 1, $"t_{number + 1}", number, number, "node", 5432)];
        public string Node => "node";
        public bool HasWork { get; init; } = true;
        private bool _isRecorded;

        public Task RecordAsync(ImportBatch row, string attempt, CancellationToken stop) => cluster.StepAsync(() => _isRecorded = true);

        public Task CommitAsync(CancellationToken stop) => cluster.StepAsync(Commit);

        public Task PrepareAsync(PreparedName name, CancellationToken stop) => cluster.StepAsync(() => State = State.Prepared);

        public async Task CommitPreparedAsync(TimeSpan patience)
        {
            // As PreparedPart does: a lost connection is retried, and what is no longer prepared has been committed.
            for (int attempt = 0; attempt < 2; attempt++)
            {
                try
                {
                    await cluster.StepAsync(() =>
                    {
                        if (State == State.Prepared) Commit();
                    });
                    return;
                }
                catch (NpgsqlException) when (attempt == 0)
                {
                    // retried
                }
            }
        }

        public Task RollbackAsync(bool endPrepared)
        {
            if (cluster.IsKilled) return Task.CompletedTask;
            if (State == State.Open || (State == State.Prepared && endPrepared)) State = State.RolledBack;
            return Task.CompletedTask;
        }

        public void EndSession()
        {
            if (State == State.Open) State = State.RolledBack;
        }

        public void Recover(bool isDecided)
        {
            if (State != State.Prepared) return;
            if (isDecided) Commit();
            else State = State.RolledBack;
        }

        /// <summary>Loads the part again, as a resumed run does where it is not known.</summary>
        public void LoadAgain() => Copies++;

        private void Commit()
        {
            State = State.Committed;
            IsPartKnown = _isRecorded;
            Copies++;
        }
    }
}
