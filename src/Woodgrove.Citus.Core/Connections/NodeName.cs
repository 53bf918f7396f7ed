namespace Woodgrove.Citus.Connections;

/// <summary>A node as the cluster knows it: its name and port of <c>pg_dist_node</c>, which this machine may not reach.</summary>
internal readonly record struct NodeName(string Host, int Port)
{
    public override string ToString() => $"{Host}:{Port}";
}
