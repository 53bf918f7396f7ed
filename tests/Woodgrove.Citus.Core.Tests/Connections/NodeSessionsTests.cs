using Npgsql;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Core.Tests.Connections;

/// <summary>How sessions to nodes are opened, and which node a session counts as.</summary>
public sealed class NodeSessionsTests
{
    private static readonly NodeName Worker = new("private-w1", 5432);

    [Fact]
    public async Task A_load_balanced_port_is_one_of_the_servers_own_host_with_its_TLS()
    {
        NpgsqlConnectionStringBuilder settings = new ConnectionRequest { Server = "bank.postgres.database.azure.com", UserName = "lead" }
            .Resolve(out bool byHost);
        settings.Options = "-c work_mem=64MB";
        await using var nodes = new NodeSessions(settings, byHost, null, 7432);

        NpgsqlConnectionStringBuilder balanced = nodes.BalancedSettings(7432), direct = nodes.AddressSettings(Worker);

        Assert.Equal(("bank.postgres.database.azure.com", 7432, SslMode.VerifyFull), (balanced.Host, balanced.Port, balanced.SslMode));
        Assert.Equal("-c work_mem=64MB -c client_connection_check_interval=1s", balanced.Options);
        Assert.Equal(("private-w1", 5432, SslMode.Require), (direct.Host, direct.Port, direct.SslMode));
    }

    [Fact]
    public void A_session_is_a_nodes_only_if_its_server_says_so()
    {
        var there = new NodeIdentity(1, Worker, Nodes: 3, IsInRecovery: false);
        var coordinator = new NodeIdentity(0, null, Nodes: 2, IsInRecovery: false); // its cluster does not list it

        Assert.True(there.Is(Worker));
        Assert.False(there.Is(new NodeName("private-w2", 5432)));
        Assert.False(there.Is(null));
        Assert.True(coordinator.Is(null));
        // A standby, and a node without the cluster's metadata, whose group is 0 too.
        Assert.False((there with { IsInRecovery = true }).Is(Worker));
        Assert.False((coordinator with { Nodes = 0 }).Is(null));
    }

    [Fact]
    public void Addresses_of_a_cmdlet_come_before_those_of_its_connection()
    {
        var connection = new NodeAddresses(new Dictionary<string, string> { ["w1"] = "a", ["w2:5432"] = "b:6432", ["w3"] = "c" });
        NodeAddresses both = connection.With(new Dictionary<string, string> { ["w1:5432"] = "d", ["w2"] = "e" });

        Assert.Equal(["d:5432", "e:5432", "c:5432", "w4:5432"],
            new[] { "w1", "w2", "w3", "w4" }.Select(n => both.Resolve(new NodeName(n, 5432)).ToString()));
        Assert.Equal("b:6432", connection.Resolve(new NodeName("w2", 5432)).ToString());
    }
}
