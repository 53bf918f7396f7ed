using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>What travels unencrypted between nodes and from clients, on a cluster that really speaks TLS.</summary>
public sealed class EncryptionFaultTests : FaultTests, IClassFixture<EncryptedCluster>
{
    private readonly EncryptedCluster _encrypted;

    public EncryptionFaultTests(ClusterFixture cluster, EncryptedCluster encrypted) : base(cluster, encrypted)
    {
        _encrypted = encrypted;
        if (encrypted.Obstacle is { } obstacle) Assert.Skip(obstacle);
    }

    private string WorkerName => $"{_encrypted.Address}:{Worker.Port}";

    [Fact]
    public void Nothing_where_the_nodes_really_speak_TLS()
    {
        Assert.Equal([true], _encrypted.Encryption(Worker));

        Assert.Empty(Found());
        Assert.Equal("TLS is on, and demanded, on all nodes", Shell.Run("Test-CitusCluster NodeTls").Single.Get("Actual"));
        Assert.Equal("every client uses TLS", Shell.Run("Test-CitusCluster ClientTls").Single.Get("Actual"));
    }

    [Theory]
    [InlineData("prefer")]
    [InlineData("disable")]
    public void A_worker_that_does_not_demand_TLS_of_the_others(string mode)
    {
        PSObject found = Expect("NodeTls", "Failed", () => Reload(Worker, $"citus.node_conninfo = 'sslmode={mode}'"),
            () => Reload(Worker, "citus.node_conninfo = 'sslmode=require'"));

        Assert.Equal($"{WorkerName} connects with sslmode={mode}", found.Get("Actual"));
        Assert.StartsWith("ALTER SYSTEM SET citus.node_conninfo = 'sslmode=require';", (string)found.Get("Fix")!);
    }

    [Fact]
    public void A_worker_whose_TLS_is_off_while_the_others_put_up_with_it()
    {
        PSObject found = Expect("NodeTls", "Failed",
            () =>
            {
                foreach (NodeUnderTest node in Healthy.Nodes) Reload(node, "citus.node_conninfo = 'sslmode=prefer'");
                Reload(Worker, "ssl = off");
                Assert.Equal([false], _encrypted.Encryption(Worker));
            },
            () =>
            {
                Reload(Worker, "ssl = on");
                foreach (NodeUnderTest node in Healthy.Nodes) Reload(node, "citus.node_conninfo = 'sslmode=require'");
            });

        Assert.Contains($"{WorkerName} has no TLS", (string)found.Get("Actual")!);
        Assert.Equal(3, Evidence(found).Length);
    }

    [Fact]
    public void A_client_that_connected_without_TLS()
    {
        using var client = new NpgsqlConnection(_encrypted.ConnectionString(Worker, "Disable") + ";Pooling=false;Application Name=till");
        PSObject found = Expect("ClientTls", "Failed", client.Open, client.Close);

        Assert.Equal($"postgres from {_encrypted.Address} to {WorkerName} (till)", found.Get("Actual"));
        Assert.Contains("hostssl", (string)found.Get("Fix")!);
    }

    private static void Reload(NodeUnderTest node, string setting) =>
        node.Run($"ALTER SYSTEM SET {setting}", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)");
}
