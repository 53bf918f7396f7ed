using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>A cluster whose coordinator holds shards too, as that of one node alone does.</summary>
public sealed class CoordinatorShardsTests : ClusterTest, IClassFixture<HealthyCluster>
{
    private const string Columns = "id bigint, user_id bigint, note text CHECK (note <> 'bad'), PRIMARY KEY (id, user_id)";
    private readonly NodeUnderTest _coordinator;

    public CoordinatorShardsTests(ClusterFixture cluster, HealthyCluster healthy) : base(cluster)
    {
        cluster.RequireCitus();
        cluster.RequireSandbox();
        _coordinator = healthy.Coordinator;
        _coordinator.Run($"SELECT citus_set_node_property('127.0.0.1', {_coordinator.Port}, 'shouldhaveshards', true)",
            "DROP TABLE IF EXISTS spread", $"CREATE TABLE spread ({Columns})",
            "SELECT create_distributed_table('spread', 'user_id', colocate_with := 'none', shard_count := 6)");
        Assert.Equal(2L, _coordinator.Get<long>("SELECT count(*) FROM pg_dist_shard JOIN pg_dist_placement USING (shardid) WHERE "
            + "logicalrelid = 'spread'::regclass AND groupid = 0"));
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Worker")]
    [InlineData("Coordinator")]
    public void Rows_land_and_a_refused_one_is_named(string route)
    {
        string rows = string.Concat(Enumerable.Range(0, 3000).Select(i => $"{i},{i % 97},note {i}\n"));
        Shell["path"] = Cluster.File("spread.csv", "id,user_id,note\n" + rows);
        PSObject result = Shell.Run($"Import-CsvToCitus $path spread -Route {route}").Single;
        Assert.Equal((3000L, route), (result.Get("Rows"), result.Get("Route")!.ToString()));
        Assert.Equal(Content(Enumerable.Range(0, 3000)), Content());

        // The first of several refused ones, on whichever node: each key's shard is another's.
        foreach (int bad in new[] { 3, 40, 77 })
        {
            Shell["path"] = Cluster.File("spread.csv",
                "id,user_id,note\n" + string.Concat(Enumerable.Range(0, 200)
                    .Select(i => $"{10_000 + i},{i % 97},{(i == bad ? "bad" : "good")}\n")));
            Exception error = Shell.Run($"Import-CsvToCitus $path spread -Route {route}").Failed("CitusRowRefused").Exception;
            Assert.Contains($"line {bad + 2}, column note", error.Message, StringComparison.Ordinal);
            Assert.Equal(3000L, _coordinator.Get<long>("SELECT count(*) FROM spread"));
        }
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Refused_rows_are_rejected_wherever_their_shard_lies(string route)
    {
        _coordinator.Run("INSERT INTO spread SELECT i, i, 'there' FROM generate_series(1, 30) i");
        Shell["path"] = Cluster.File("spread.csv",
            "id,user_id,note\n" + string.Concat(Enumerable.Range(1, 60).Select(i => $"{i},{i},{(i % 7 == 0 ? "bad" : "new")}\n")));

        PSObject result = Shell.Run($"Import-CsvToCitus $path spread -Route {route} -OnError Skip").Single;

        int[] refused = [.. Enumerable.Range(1, 60).Where(i => i <= 30 || i % 7 == 0)];
        Assert.Equal((60L - refused.Length, (long)refused.Length), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(refused.Select(i => (long)i + 1),
            ((IEnumerable<object>)result.Get("Rejects")!).Select(r => (long)PSObject.AsPSObject(r).Get("Line")!));
        Assert.Equal(string.Join(' ', Enumerable.Range(1, 60).Where(i => i <= 30 || i % 7 != 0)),
            _coordinator.Get<string>("SELECT string_agg(id::text, ' ' ORDER BY id) FROM spread"));
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Conflicts_exports_and_single_rows_work_as_well(string route)
    {
        _coordinator.Run("INSERT INTO spread SELECT i, i, 'there' FROM generate_series(1, 30) i");
        Shell["path"] = Cluster.File("spread.csv",
            "id,user_id,note\n" + string.Concat(Enumerable.Range(1, 60).Select(i => $"{i},{i},new\n")));
        Shell["out"] = Path.Combine(Cluster.Folder, "spread.out.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path spread -Route {route} -OnConflict Skip").Single;
        RunResult added = Shell.Run("61..70 | ForEach-Object { @{ id = $_; user_id = $_; note = $_ -eq 65 ? 'bad' : "
            + "'row' } } | Add-CitusRow spread");
        Shell.Run("Export-CitusToCsv spread -Path $out -Parallel").Succeeded();

        Assert.Equal((30L, 30L), (result.Get("Rows"), result.Get("Conflicts")));
        Assert.Equal(5L, Assert.Single(added.Errors).Exception.Get("Row")!.Get("Line"));
        Assert.Equal(
            Enumerable.Range(1, 70).Where(i => i != 65).Select(i => $"{i},{i},{(i <= 30 ? "there" : i <= 60 ? "new" : "row")}")
                .Order(StringComparer.Ordinal),
            File.ReadAllLines(Path.Combine(Cluster.Folder, "spread.out.csv")).Skip(1).Order(StringComparer.Ordinal));
    }

    private string Content() => _coordinator.Get<string>("SELECT string_agg(id || ':' || user_id || ':' || note, "
        + "' ' ORDER BY id) FROM spread");

    private static string Content(IEnumerable<int> ids) => string.Join(' ', ids.Select(i => $"{i}:{i % 97}:note {i}"));
}
