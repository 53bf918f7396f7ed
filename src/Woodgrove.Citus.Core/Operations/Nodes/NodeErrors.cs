using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>Errors about nodes that are not as a change needs them.</summary>
internal static class NodeErrors
{
    public static CitusException NotFound(string name, int found, IEnumerable<ClusterNode> nodes) =>
        new("CitusNodeNotFound", CitusErrorKind.ObjectNotFound,
            found == 0 ? $"The cluster has no node '{name}'." : $"The cluster has {found} nodes of the name '{name}'.",
            $"Name one with its port: {string.Join(", ", nodes.Select(n => n.Name))}.") { Target = name };

    public static CitusException Standby(ClusterNode node) =>
        new("CitusNodeUnsuitable", CitusErrorKind.InvalidOperation,
            $"{node.Name} is a standby; only the primary of a node group takes shards.",
            "Get-CitusNode lists the nodes with their roles.") { Target = node.Name.ToString() };

    public static CitusException Inactive(ClusterNode node) =>
        new("CitusNodeUnsuitable", CitusErrorKind.InvalidOperation,
            $"{node.Name} is not active in the cluster, so it takes no shards.",
            $"If it runs, activate it first: {SetNode(node)} -Enabled $true") { Target = node.Name.ToString() };

    public static CitusException TakesNoShards(ClusterNode node) =>
        new("CitusNodeUnsuitable", CitusErrorKind.InvalidOperation,
            $"{node.Name} should have no shards (shouldhaveshards is false), and Citus moves none there.",
            $"Let it have some first: {SetNode(node)} -ShouldHaveShards $true") { Target = node.Name.ToString() };

    /// <summary>The beginning of the command that changes a node.</summary>
    private static string SetNode(ClusterNode node) => $"Set-CitusNode '{node.Name.Host}' {node.Name.Port}";
}
