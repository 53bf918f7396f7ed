using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>A replica of a node that is registered to become a node itself, with the shards that it is to take over.</summary>
/// <param name="Primary">The node whose replica it is, with its port.</param>
/// <param name="State">What the replica says of its replication, such as streaming; promoted where it is no replica any more; null where it
/// receives nothing, or does not answer.</param>
/// <param name="LagBytes">How much of the primary's log it had yet to replay when both were asked; null where one of them did not
/// answer.</param>
/// <param name="Shards">Where each shard of the primary is to be, by the plan that Citus makes of it now.</param>
public sealed record CitusNodeClone(int NodeId, string NodeName, int NodePort, string Primary, string? State, long? LagBytes,
    Listing<CloneShard> Shards)
{
    /// <summary>How many shards it takes over.</summary>
    public int Takes => Taken.Count();

    /// <summary>Their size; null where one could not be read.</summary>
    public long? TakesBytes => Taken.All(s => s.SizeBytes is not null) ? Taken.Sum(s => s.SizeBytes) : null;

    /// <summary>How many shards stay on the primary.</summary>
    public int Leaves => Shards.Count - Takes;

    private IEnumerable<CloneShard> Taken => Shards.Where(s => s.Node == $"{NodeName}:{NodePort}");
}
