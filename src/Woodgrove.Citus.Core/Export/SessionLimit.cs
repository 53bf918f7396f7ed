namespace Woodgrove.Citus.Export;

/// <summary>How many sessions a snapshot of shards opens at most: on each node, or in all.</summary>
internal readonly record struct SessionLimit
{
    private readonly int _sessions;
    private readonly bool _isOnEachNode;

    private SessionLimit(int sessions, bool isOnEachNode) => (_sessions, _isOnEachNode) = (sessions, isOnEachNode);

    public static SessionLimit OnEachNode(int sessions) => new(sessions, isOnEachNode: true);

    /// <summary>Divided among the nodes by their shards, each share rounded up.</summary>
    public static SessionLimit InAll(int sessions) => new(sessions, isOnEachNode: false);

    /// <summary>The sessions on a node that has so many of all shards; never more than shards.</summary>
    public int On(int shards, int all) =>
        Math.Min(shards, _isOnEachNode ? _sessions : (int)(((long)_sessions * shards + all - 1) / all));
}
