using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>Errors of replicas that are to become nodes.</summary>
internal static class CloneErrors
{
    public static CitusException NoShards(ClusterNode primary) =>
        Unsuitable(primary.Name, $"{primary.Name} should have no shards (shouldhaveshards is false), so there is nothing that a clone of "
            + "it could take over.", $"Name a node that has shards, or let this one have some: Set-CitusNode '{primary.Name.Host}' "
            + $"{primary.Name.Port} -ShouldHaveShards $true");

    public static CitusException NoReplica(NodeName clone, NodeName primary) =>
        Unsuitable(clone, $"{clone} is no replica: it replays no other server's log.",
            $"Make one of {primary} with pg_basebackup -R, and start it; what is on {clone} now is not part of the cluster.");

    public static CitusException Unrelated(NodeName clone, NodeName primary) =>
        Unsuitable(clone, $"{clone} is no replica of {primary}: its system identifier is another.",
            "Name the node that it was made from; Get-CitusNode lists the nodes.");

    public static CitusException NotStreaming(NodeName clone, NodeName primary, string? state) =>
        Unsuitable(clone, $"{clone} does not stream from {primary}: "
            + (state is null ? "it receives no log at all." : $"its receiver of the log is {state}."),
            $"See its primary_conninfo and its server log; pg_stat_replication of {primary} lists the replicas that stream.");

    public static CitusException Synchronous(NodeName clone, NodeName primary) =>
        Unsuitable(clone, $"{clone} is a synchronous replica of {primary}, whose commits would wait for it in vain once it is a node.",
            $"Take it out of synchronous_standby_names of {primary}, and reload that server's configuration.");

    public static CitusException Promoted(NodeName clone, NodeName primary) =>
        Unsuitable(clone, $"{clone} is no replica any more: an attempt to complete it has promoted it, and was rolled back in the "
            + $"cluster's metadata. It has no rows of {primary} that were written since, so it can't be completed.",
            $"Remove it, make a new replica of {primary} with pg_basebackup -R, and add that: "
                + $"Remove-CitusNode '{clone.Host}' {clone.Port}");

    public static CitusException NoClone(ClusterNode node) =>
        Unsuitable(node.Name, $"{node.Name} is no clone, but a node of the cluster.",
            "Get-CitusNodeClone lists the clones; Add-CitusNodeClone makes one of a replica.");

    private static CitusException Unsuitable(NodeName node, string what, string advice) =>
        new("CitusNodeUnsuitable", CitusErrorKind.InvalidOperation, what, advice) { Target = node.ToString() };
}
