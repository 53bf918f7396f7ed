using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Queries;

/// <summary>Invoke-CitusQuery -On: queries on nodes and shards by themselves.</summary>
public sealed class NodeQueryTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static readonly string[] EachNode = ["Coordinator", "Workers", "AllNodes"];

    [Fact]
    public void Each_node_answers_for_itself()
    {
        object ports(string where) =>
            Cluster.Scalar($"SELECT array_agg(nodeport ORDER BY groupid) FROM pg_dist_node WHERE {where}") is int[] found
            ? string.Join(' ', found) : "";

        string[] asked = [.. EachNode.Select(on => string.Join(' ',
            Shell.Run($"Invoke-CitusQuery 'SELECT inet_server_port() AS port' -On {on}")
                .Succeeded().Output.Select(r => Row(r).Get("port"))))];

        Assert.Equal([ports("groupid = 0"), ports("groupid <> 0"), ports("true")], asked);
    }

    [Fact]
    public void Each_shard_answers_for_itself()
    {
        string table = Cluster.Distribute("id bigint, note text", "id", name: Cluster.NewName("Mixed Case"));
        Cluster.Execute($"INSERT INTO \"{table}\" SELECT g, 'x' FROM generate_series(1, 100) g");

        PSObject[] shards = [.. Shell.Run($"Invoke-CitusQuery 'SELECT count(*) AS n FROM {{shard}}' -On Shards -Table '\"{table}\"'")
            .Succeeded().Output];

        Assert.Equal(100L, shards.Sum(s => (long)Row(s).Get("n")!));
        Assert.Equal((long[])Cluster.Scalar("SELECT array_agg(shardid ORDER BY shardid) FROM pg_dist_shard WHERE logicalrelid = "
            + $"'\"{table}\"'::regclass")!,
            shards.Select(s => (long)s.Get("ShardId")!));
    }

    [Fact]
    public void Each_copy_of_a_reference_table_answers_for_itself()
    {
        string table = Cluster.CreateTable("id bigint");
        Cluster.Execute($"SELECT create_reference_table('{table}')");
        Cluster.Execute($"INSERT INTO {table} VALUES (1), (2)");
        object copies = Cluster.Scalar("SELECT count(*) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE "
            + $"logicalrelid = '{table}'::regclass")!;

        PSObject[] placements = [.. Shell.Run($"Invoke-CitusQuery 'SELECT id FROM {{shard}} ORDER BY 1' -On Placements -Table {table} "
            + "-As Hashtable")
            .Succeeded().Output];

        Assert.Equal(copies, placements.LongLength);
        Assert.All(placements, p => Assert.Equal([1L, 2L], ((IEnumerable)p.Get("Rows")!).Cast<object>()
            .Select(r => (long)((Hashtable)PSObject.AsPSObject(r).BaseObject)["id"]!).ToArray()));
        PSObject one = Shell.Run($"Invoke-CitusQuery 'SELECT count(*) FROM {{shard}}' -On Shards -Table {table} -As Scalar").Single;
        Assert.Equal(2L, ((IEnumerable)one.Get("Rows")!).Cast<object>().Single());
    }

    [Fact]
    public void A_node_that_fails_hides_no_other()
    {
        Cluster.RequireCitus();
        int port = (int)Cluster.Scalar("SELECT max(nodeport) FROM pg_dist_node WHERE groupid <> 0")!;

        RunResult result = Shell.Run($"Invoke-CitusQuery 'SELECT 1 / (inet_server_port() - {port}) AS x' -On Workers");

        Assert.Equal([(port, false)],
            result.Output.Where(r => r.Get("Success") is false).Select(r => ((int)r.Get("NodePort")!, (bool)r.Get("Success")!)));
        PSObject failed = result.Output.Single(r => r.Get("Success") is false);
        Assert.Equal("CitusInvalidValue", failed.Get("ErrorId"));
        Assert.Contains("division by zero", (string)failed.Get("Error")!);
        Assert.Contains(result.Output, r => r.Get("Success") is true);
        Assert.Contains(result.Warnings, w => w.Contains("failed on 1 of"));
        Assert.Empty(result.Errors);
    }

    [Fact]
    public void Nothing_is_written_unless_that_is_asked_for()
    {
        string table = Cluster.Distribute("id bigint", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT generate_series(1, 100)");
        string delete = $"Invoke-CitusQuery 'DELETE FROM {{shard}} WHERE id <= 50' -On Shards -Table {table}";

        PSObject[] refused = [.. Shell.Run(delete).Output];

        Assert.All(refused, r => Assert.Contains("read-only", (string)r.Get("Error")!));
        Assert.Equal(100L, Cluster.Count(table));
        Shell.Run($"{delete} -AllowWrite").Succeeded();
        Assert.Equal(50L, Cluster.Count(table));
        // The sessions were given back as they were.
        Shell.Run($"Invoke-CitusQuery 'DELETE FROM {table} WHERE id <= 60'").Succeeded();
        Assert.Equal(40L, Cluster.Count(table));
    }

    [Theory]
    [InlineData("'SELECT 1' -On Shards -Table {0}", "{shard}")]
    [InlineData("'SELECT 1 FROM {{shard}}' -On Shards", "-Table")]
    [InlineData("'SELECT 1' -On Workers -Table {0}", "-On Shards")]
    [InlineData("'SELECT 1' -AllowWrite", "-On")]
    public void Parameters_that_do_not_go_together_are_refused(string arguments, string told)
    {
        string table = Cluster.Distribute("id bigint", "id");

        string message = Shell.Run($"Invoke-CitusQuery {string.Format(null, arguments, table)}")
            .Failed("CitusInvalidArgument").Exception.Message;

        Assert.Contains(told, message);
    }

    private static PSObject Row(PSObject result) => PSObject.AsPSObject(((IEnumerable)result.Get("Rows")!).Cast<object>().Single());
}
