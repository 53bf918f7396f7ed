namespace Woodgrove.Citus.Plans;

/// <summary>A shard that a fragment names.</summary>
public sealed record FragmentShard(long ShardId, string ShardName, string Table)
{
    public override string ToString() => ShardName;
}
