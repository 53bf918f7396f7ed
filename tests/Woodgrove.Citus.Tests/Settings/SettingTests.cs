using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Settings;

/// <summary>Get-CitusSetting.</summary>
public sealed class SettingTests(ClusterFixture cluster, HealthyCluster healthy) : ClusterTest(cluster), IClassFixture<HealthyCluster>
{
    [Fact]
    public void Each_says_what_it_does_and_why_its_suggestion()
    {
        IReadOnlyList<PSObject> settings = Shell.Get("Get-CitusSetting");

        Assert.Contains(settings, s => (string)s.Get("Name")! == "shared_buffers");
        Assert.All(settings, s =>
        {
            Assert.EndsWith(".", (string)s.Get("Description")!);
            Assert.EndsWith(".", (string)s.Get("Reason")!);
            Assert.NotEqual("", s.Get("Value"));
            Assert.Equal((bool)s.Get("IsSuggested")!, s.Get("Fix") is null);
        });
    }

    [Fact]
    public void Those_that_came_with_a_version_are_listed_from_it_on()
    {
        string[] names = [.. Shell.Get("Get-CitusSetting").Select(s => (string)s.Get("Name")!)];

        Assert.Equal(Cluster.PostgresMajor >= 18, names.Contains("io_method"));
        Assert.Equal(Cluster.PostgresMajor >= 18, names.Contains("io_workers"));
        Assert.Equal(Cluster.IsCitus, names.Contains("citus.max_client_connections"));
        foreach (string name in names.Where(n => n is "io_method" or "io_workers" or "citus.max_client_connections"))
            Assert.Equal(Cluster.Scalar($"SHOW {name}"), Shell.Run($"Get-CitusSetting {name}").Single.Get("Value"));
    }

    [Fact]
    public void Memory_and_cores_decide_what_is_suggested()
    {
        string Suggested(string command) => string.Join(' ', Shell.Get(command).Select(s => s.Get("Suggested")));

        Assert.Equal("16GB", Suggested("Get-CitusSetting shared_buffers -Memory 64GB -Core 16"));
        Assert.Equal("512MB", Suggested("Get-CitusSetting work_mem Analytical -Memory 64GB -Core 16"));
        Assert.NotEqual(Suggested("Get-CitusSetting work_mem Transactional -Memory 64GB -Core 16"),
            Suggested("Get-CitusSetting work_mem Analytical -Memory 64GB -Core 16"));
    }

    [Theory]
    [InlineData("Analytical", 4)]
    [InlineData("Mixed", 8)]
    public void Work_mem_leaves_room_for_the_connections_of_a_query_on_a_node_of_few_cores(string workload, int part)
    {
        Cluster.RequireCitus();
        long connections = long.Parse((string)Shell.Run("Get-CitusSetting citus.max_adaptive_executor_pool_size").Single.Get("Value")!,
            System.Globalization.CultureInfo.InvariantCulture);
        string suggested = (string)Shell.Run($"Get-CitusSetting work_mem {workload} -Memory 23GB -Core 2").Single.Get("Suggested")!;
        Assert.EndsWith("MB", suggested, StringComparison.Ordinal);
        Assert.InRange(long.Parse(suggested[..^2], System.Globalization.CultureInfo.InvariantCulture) * connections, 1, 23L * 1024 / part);
    }

    [Fact]
    public void A_value_that_differs_on_a_worker_is_seen_with_the_node()
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        healthy.Worker.Run("ALTER SYSTEM SET work_mem = '17MB'", "SELECT pg_reload_conf()");
        try
        {
            PSObject setting = Shell.Run("Get-CitusSetting work_mem").Single;
            for (int i = 0; i < 40 && !(bool)setting.Get("Differs")!; i++)
            {
                Thread.Sleep(100);
                setting = Shell.Run("Get-CitusSetting work_mem").Single;
            }

            Assert.Equal((true, "4MB"), (setting.Get("Differs"), setting.Get("Value")));
            object[] nodes = [.. ((System.Collections.IEnumerable)setting.Get("Nodes")!).Cast<object>()];
            Assert.Equal(["4MB", "4MB", "17MB"], nodes.Select(n => n.Get("Value")));
            Assert.Equal(healthy.Worker.Name, nodes[2].Get("Node"));
        }
        finally
        {
            healthy.Worker.Run("ALTER SYSTEM RESET work_mem", "SELECT pg_reload_conf()");
        }
    }

    [Theory]
    [InlineData("Transactional")]
    [InlineData("Analytical")]
    [InlineData("Mixed")]
    public void What_the_fix_sets_is_as_suggested_from_then_on(string workload)
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string[] fixes = [.. Shell.Get($"Get-CitusSetting * {workload}").Select(s => s.Get("Fix")).OfType<string>()
            .Where(f => f.StartsWith("ALTER DATABASE", StringComparison.Ordinal))];
        Assert.NotEmpty(fixes);
        try
        {
            foreach (NodeUnderTest node in healthy.Nodes) node.Run(["SET citus.enable_ddl_propagation = off", .. fixes]);

            // New sessions see it; the module's pooled ones are older.
            Shell["text"] = $"Host=127.0.0.1;Port={healthy.Coordinator.Port};Database=citus;Username=postgres;Password={healthy.Coordinator.Password};Pooling=false";
            IReadOnlyList<PSObject> after = Shell.Get("$c = Connect-CitusCluster -ConnectionString $text -Name fresh; "
                + $"Get-CitusSetting * {workload} -Connection $c; Disconnect-CitusCluster $c");

            Assert.DoesNotContain(after, s => s.Get("Fix") is string fix && fix.StartsWith("ALTER DATABASE", StringComparison.Ordinal));
        }
        finally
        {
            foreach (NodeUnderTest node in healthy.Nodes)
                node.Run("SET citus.enable_ddl_propagation = off", "ALTER DATABASE citus RESET ALL");
        }
    }
}
