using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>What tables can have from PostgreSQL 18 on.</summary>
public sealed class Postgres18Tests : ClusterTest
{
    public Postgres18Tests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireCitus();
        if (cluster.PostgresMajor < 18) Assert.Skip($"needs PostgreSQL 18; this run's is {cluster.PostgresMajor}");
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Virtual_generated_columns_and_uuidv7_keys_are_left_to_the_server(string route)
    {
        string table = Cluster.Distribute("id uuid DEFAULT uuidv7(), user_id bigint, amount numeric, "
            + "tax numeric GENERATED ALWAYS AS (amount * 0.2) VIRTUAL, PRIMARY KEY (id, user_id)", "user_id");
        Shell["path"] = Cluster.File("generated.csv",
            "user_id,amount\n" + string.Concat(Enumerable.Range(1, 500).Select(i => $"{i % 7},{i}\n")));

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route}").Single;

        Assert.Equal((500L, route), (result.Get("Rows"), result.Get("Route")!.ToString()));
        Assert.Equal("500 500 25050.0 7", Cluster.Scalar("SELECT format('%s %s %s %s', count(*), count(DISTINCT id), sum(tax), "
            + $"max(uuid_extract_version(id))) FROM {table}"));
    }

    [Fact]
    public void A_uuidv7_distribution_column_that_the_file_leaves_out_is_filled_on_the_coordinator_and_one_that_it_has_is_hashed_here()
    {
        string table = Cluster.Distribute("id uuid DEFAULT uuidv7() PRIMARY KEY, amount numeric", "id");
        Shell["without"] = Cluster.File("without.csv", "amount\n" + string.Concat(Enumerable.Range(1, 300).Select(i => $"{i}\n")));
        Shell["with"] = Cluster.File("with.csv",
            "id,amount\n" + string.Concat(Enumerable.Range(1, 300).Select(i => $"{Guid.CreateVersion7()},{i}\n")));

        Assert.Contains("the default of id, which the file leaves out, is the coordinator's",
            Shell.Run($"Import-CsvToCitus $without {table} -Route Shard").Failed("CitusRouteNotPossible").Exception.Message);
        Assert.Equal("Coordinator", Shell.Run($"Import-CsvToCitus $without {table}").Single.Get("Route")!.ToString());
        Assert.Equal("Shard", Shell.Run($"Import-CsvToCitus $with {table} -Route Shard").Single.Get("Route")!.ToString());

        Assert.Equal("600 600 7", Cluster.Scalar("SELECT format('%s %s %s', count(*), count(DISTINCT id), "
            + $"max(uuid_extract_version(id))) FROM {table}"));
        // A row that is found by its key lies in the shard that Citus looks in.
        Assert.Equal(600L, Cluster.Scalar($"SELECT count(*) FROM {table} a JOIN {table} b USING (id)"));
        Assert.Equal(0L, Cluster.Scalar($"SELECT count(*) FROM run_command_on_shards('{table}', "
            + $"$$SELECT count(*) FROM %s WHERE get_shard_id_for_distribution_column('{table}', "
            + "id) <> substring('%1$s' from '[0-9]+$')::bigint$$) r WHERE NOT success OR result <> '0'"));
    }

    [Theory]
    [InlineData("Shard", "PRIMARY KEY (user_id, valid WITHOUT OVERLAPS)")]
    [InlineData("Coordinator", "PRIMARY KEY (user_id, valid WITHOUT OVERLAPS)")]
    [InlineData("Shard", "EXCLUDE USING gist (user_id WITH =, valid WITH &&)")]
    [InlineData("Coordinator", "EXCLUDE USING gist (user_id WITH =, valid WITH &&)")]
    public void Ranges_that_overlap_are_rejected_and_ranges_that_merely_share_a_key_are_not(string route, string constraint)
    {
        Cluster.Execute("CREATE EXTENSION IF NOT EXISTS btree_gist");
        string table = Cluster.Distribute($"user_id bigint, valid daterange, {constraint}", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (7, '[2024-01-01,2024-02-01)')");
        Shell["rejects"] = Path.Combine(Cluster.Folder, $"{table}.csv");
        Shell["path"] = Cluster.File("ranges.csv", """
            user_id,valid
            5,"[2024-01-01,2024-02-01)"
            5,"[2024-02-01,2024-03-01)"
            5,"[2024-01-15,2024-01-20)"
            x,"[2024-01-15,2024-01-20)"
            6,"[2024-01-15,2024-01-20)"
            7,"[2024-01-01,2024-02-01)"

            """);

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((3L, 3L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(["5\t[2024-01-01,2024-02-01)", "5\t[2024-02-01,2024-03-01)", "6\t[2024-01-15,2024-01-20)",
            "7\t[2024-01-01,2024-02-01)"], Cluster.Rows(table));
        string[] states = [.. File.ReadAllLines(Path.Combine(Cluster.Folder, $"{table}.errors.csv")).Skip(1)
            .Select(line => line.Split(',')[2])];
        // Not 23505: nothing here is a duplicate key, though one range equals another.
        Assert.Equal(["23P01", "22P02", "23P01"], states);
    }
}
