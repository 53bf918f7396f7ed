using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Queries;

/// <summary>What a query gave on one node or shard.</summary>
/// <param name="ShardId">The shard, where the query ran on shards.</param>
/// <param name="Rows">The rows, in the shape that was asked for; none where the query failed.</param>
/// <param name="Error">Why it failed there, and what to do; null where it succeeded.</param>
/// <param name="ErrorId">The id of that error.</param>
public sealed record NodeResult(string NodeName, int NodePort, string? Table, long? ShardId, bool Success, Listing<object?> Rows,
    string? Error, string? ErrorId, TimeSpan Duration);
