using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Operations;

/// <summary>Errors about nodes that are not as a change needs them.</summary>
internal static class NodeErrors
{
    public static CitusException NotFound(string name, int found, IEnumerable<ClusterNode> nodes) =>
        new("CitusNodeNotFound", CitusErrorKind.ObjectNotFound,
            found == 0 ? $"The cluster has no node '{name}'." : $"The cluster has {found} nodes of the name '{name}'.",
            $"Name one with its port: {string.Join(", ", nodes.Select(n => n.Name))}.") { Target = name };

    public static CitusException Standby(ClusterNode node) =>
        Unsuitable(node, $"{node.Name} is a standby; only the primary of a node group takes shards.",
            "Get-CitusNode lists the nodes with their roles.");

    public static CitusException Clone(ClusterNode node) =>
        Unsuitable(node, $"{node.Name} is a clone: a replica that is registered to become a node, and has no shards of its own yet.",
            $"Make it one, or remove it: Complete-CitusNodeClone '{node.Name.Host}' {node.Name.Port}; "
                + $"Remove-CitusNode '{node.Name.Host}' {node.Name.Port}");

    public static CitusException Inactive(ClusterNode node) =>
        Unsuitable(node, $"{node.Name} is not active in the cluster, so it takes no shards.",
            $"If it runs, activate it first: {SetNode(node)} -Enabled $true");

    public static CitusException TakesNoShards(ClusterNode node) =>
        Unsuitable(node, $"{node.Name} should have no shards (shouldhaveshards is false), and Citus moves none there.",
            $"Let it have some first: {SetNode(node)} -ShouldHaveShards $true");

    public static CitusException Coordinator(ClusterNode node) =>
        Unsuitable(node, $"{node.Name} is the coordinator, which keeps the cluster's metadata.",
            "Name a worker; Get-CitusNode lists them.");

    public static CitusException AddressTaken(NodeName address, ClusterNode by) =>
        new("CitusNodeExists", CitusErrorKind.ResourceExists, $"{address} is a node of the cluster already, number {by.NodeId}.",
            "Give the address at which no other node of the cluster answers; Get-CitusNode lists them.") { Target = address.ToString() };

    public static CitusException NoAddress(string text) =>
        new("CitusInvalidArgument", CitusErrorKind.InvalidArgument, $"'{text}' is no address of a node.",
            "Write its host and port: -Address '10.0.0.6:5432'.") { Target = text };

    public static CitusException NoAnswer(NodeName node) =>
        new("CitusNodeUnsuitable", CitusErrorKind.ResourceUnavailable,
            $"The coordinator reaches no server at {node} that has the database with Citus.",
            "See that the server runs, that it has the same database with the extension citus, that its pg_hba.conf lets the coordinator "
                + "in, and that the coordinator has its password in .pgpass or pg_dist_authinfo.") { Target = node.ToString() };

    public static CitusException LastCopies(ClusterNode node, long shards, IEnumerable<string> tables) =>
        new("CitusNodeHasShards", CitusErrorKind.InvalidOperation,
            $"{node.Name} has the only copy of {shards} shard(s), of {Some(tables)}: removed now, it would take these rows with it.",
            $"Move them to other nodes first: Remove-CitusNode '{node.Name.Host}' {node.Name.Port} -Drain") { Target = node.Name.ToString() };

    public static CitusException LastCopiesDisabled(ClusterNode node, long shards, IEnumerable<string> tables) =>
        new("CitusNodeHasShards", CitusErrorKind.InvalidOperation,
            $"{node.Name} has the only copy of {shards} shard(s), of {Some(tables)}, which no query could read while it is disabled.",
            $"Move them to other nodes first: {SetNode(node)} -ShouldHaveShards $false; Start-ShardRebalance -DrainOnly -Wait")
        { Target = node.Name.ToString() };

    public static CitusException DeadWithLastCopies(ClusterNode node, long shards, IEnumerable<string> tables) =>
        new("CitusNodeHasShards", CitusErrorKind.InvalidOperation,
            $"{node.Name} does not answer, and has the only copy of {shards} shard(s), of {Some(tables)}. Nothing can be moved from it.",
            "Start it again; or promote its standby, or restore its backup on another server, and let that take its place: "
                + $"{SetNode(node)} -Address 'host:port'. Where the rows are lost for good, drop these tables, and remove the node then.")
        { Target = node.Name.ToString() };

    public static CitusException NoOtherNode(ClusterNode node, long shards) =>
        new("CitusNodeHasShards", CitusErrorKind.InvalidOperation,
            $"{shards} shard(s) of {node.Name} have no other node to go to: no other is active and should have shards.",
            "Add a node first: Add-CitusNode; or let another have shards: Set-CitusNode -ShouldHaveShards $true.")
        { Target = node.Name.ToString() };

    public static CitusException NoIdentity(ClusterNode node, IReadOnlyList<string> tables) =>
        new("CitusTransferRefused", CitusErrorKind.InvalidOperation,
            $"{Some(tables)} of {node.Name} can't be moved while rows are updated or deleted: without a primary key or a replica "
                + "identity.", "Let writers wait with -TransferMode block_writes, or give each table one: "
                + string.Join(" ", tables.Select(t => $"ALTER TABLE {t} REPLICA IDENTITY FULL;"))) { Target = node.Name.ToString() };

    public static CitusException NoDaemon(string node) =>
        new("CitusNodeUnsuitable", CitusErrorKind.ResourceUnavailable,
            "Citus's maintenance daemon does not run on the coordinator; with some versions a node's change would crash the server.",
            "It starts a moment after the server. Try again; if it still does not run, see the server's log.") { Target = node };

    public static CitusException NoRight(CitusConnection connection) =>
        new("CitusPermissionDenied", CitusErrorKind.PermissionDenied,
            $"{connection.UserName} may not change nodes: Citus writes its metadata as the role itself, which only a superuser may.",
            "Connect as a superuser. Managed services add, remove and scale nodes in their own portal.")
        { Target = connection.Name, SqlState = PostgresErrorCodes.InsufficientPrivilege };

    private static CitusException Unsuitable(ClusterNode node, string what, string advice) =>
        new("CitusNodeUnsuitable", CitusErrorKind.InvalidOperation, what, advice) { Target = node.Name.ToString() };

    /// <summary>The beginning of the command that changes a node.</summary>
    private static string SetNode(ClusterNode node) => $"Set-CitusNode '{node.Name.Host}' {node.Name.Port}";

    private static string Some(IEnumerable<string> tables)
    {
        string[] all = [.. tables];
        return string.Join(", ", all.Take(5)) + (all.Length > 5 ? $" and {all.Length - 5} more" : "");
    }
}
