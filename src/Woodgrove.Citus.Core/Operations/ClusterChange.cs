using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations;

/// <summary>A change of the cluster as it is planned: the SQL that makes it, what moves, and what waits for it meanwhile.</summary>
public sealed record ClusterChange
{
    /// <summary>What is done, in the imperative, with the names: Move shard 102008 of events to 10.0.0.6:5432.</summary>
    public required string Action { get; init; }

    /// <summary>What is changed: a table, a shard, a node, a schema.</summary>
    public required string Target { get; init; }

    /// <summary>
    /// The statements in the order in which they run on the coordinator, each in a transaction of its own; none where
    /// all is so already.
    /// </summary>
    public required Listing<string> Sql { get; init; }

    /// <summary>
    /// A statement that runs before the others, in a transaction of another session that stays open until they are committed; null
    /// where none does.
    /// </summary>
    public string? LockSql { get; init; }

    /// <summary>The tables whose rows are moved or rewritten, those colocated with it included.</summary>
    public Listing<string> Tables { get; init; } = [];

    /// <summary>The shards that are moved, split or rewritten.</summary>
    public Listing<long> Shards { get; init; } = [];

    /// <summary>How many bytes the cluster copies for it; null where none, or where the size is not known.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Sentences about locks, and about who waits for how long.</summary>
    public Listing<string> Locks { get; init; } = [];

    /// <summary>Sentences about what is dropped and not recreated, or is worse afterwards.</summary>
    public Listing<string> Losses { get; init; } = [];

    /// <summary>What lets a role make the change that may not, where it is not the right on a table or on the nodes.</summary>
    internal string? PermissionAdvice { get; init; }

    /// <summary>Whether it is made on the coordinator also where the connection leads to a worker.</summary>
    internal bool SeeksCoordinator { get; init; }

    /// <summary>True where there is nothing to do.</summary>
    public bool IsDone => Sql.Count == 0;
}
