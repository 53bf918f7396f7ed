namespace Woodgrove.Citus.Plans.Reading;

/// <summary>A shard of such a table.</summary>
/// <param name="SizeBytes">Null where it was not asked for, or could not be read.</param>
internal sealed record PlanShard(long ShardId, string Name, PlanTable Table, IReadOnlyList<(string Name, int Port)> Nodes, long? SizeBytes);
