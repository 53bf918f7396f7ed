using System.Globalization;
using Npgsql;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>
/// A cluster whose nodes only reach each other, as on Elastic Clusters: they are registered by names that nothing resolves,
/// and <c>pg_dist_poolinfo</c> tells the nodes alone where the names lead. A balancer is before all three.
/// </summary>
public sealed class BalancedCluster(ClusterFixture cluster) : IAsyncLifetime
{
    private LoadBalancer? _balancer;

    public FaultCluster Faults { get; } = new(cluster);

    internal LoadBalancer Balancer => _balancer!;
    internal IReadOnlyList<SandboxServer> Servers => [Faults.Coordinator, .. Faults.Workers];

    /// <summary>The name by which the cluster knows a server, its port being 5432.</summary>
    public static string NameOf(int server) => string.Create(CultureInfo.InvariantCulture, $"private-{server}.invalid");

    public async ValueTask InitializeAsync()
    {
        await Faults.InitializeAsync();
        if (Faults.Coordinator is null) return;
        _balancer = new LoadBalancer(Servers.Select(s => s.Port));
        TellWhereNodesAre(Faults.Coordinator, i => $"nodeport = {Servers[i].Port}");
        Faults.Execute(MaintenanceDaemon.Await);
        for (int i = 0; i < Servers.Count; i++)
            Faults.Execute($"SELECT citus_update_node(nodeid, '{NameOf(i)}', 5432) FROM pg_dist_node WHERE nodeport = {Servers[i].Port}");
        Faults.Execute("SELECT start_metadata_sync_to_all_nodes()");
        foreach (SandboxServer worker in Faults.Workers) TellWhereNodesAre(worker, i => $"nodename = '{NameOf(i)}'");
    }

    private void TellWhereNodesAre(SandboxServer server, Func<int, string> node)
    {
        for (int i = 0; i < Servers.Count; i++)
            Execute(server.Port, $"INSERT INTO pg_dist_poolinfo SELECT nodeid, 'host=127.0.0.1 port={Servers[i].Port}' FROM pg_dist_node "
                + $"WHERE {node(i)}");
    }

    public async ValueTask DisposeAsync()
    {
        _balancer?.Dispose();
        await Faults.DisposeAsync();
    }

    /// <summary>Connects, by the name <paramref name="name"/>; of two ports the second is the load-balanced one.</summary>
    public void Connect(string name, int port, int? balanced, string more = "")
    {
        Faults.Shell["to"] = Faults.ConnectionString(port);
        Faults.Shell.Run($"$null = Connect-CitusCluster -ConnectionString $to -Name {name} {more}"
            + (balanced is null ? "" : $" -LoadBalancedPort {balanced}")).Succeeded();
    }

    public void Execute(int port, string sql) => Scalar(port, sql);

    public object? Scalar(int port, string sql)
    {
        using var session = new NpgsqlConnection(Faults.ConnectionString(port) + ";Pooling=false");
        session.Open();
        using var command = new NpgsqlCommand(sql, session);
        return command.ExecuteScalar();
    }
}
