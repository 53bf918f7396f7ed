namespace Woodgrove.Citus.Operations.Nodes;

/// <summary>What of a node is to be changed; null leaves it.</summary>
/// <param name="Address">Its new host and port.</param>
/// <param name="Enabled">Whether the cluster counts on it.</param>
public sealed record NodeOrder(bool? ShouldHaveShards, string? Address, bool? Enabled);
