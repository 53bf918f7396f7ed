using System.Management.Automation;
using System.Text;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Whichever way rows take, they are what COPY makes of the file.</summary>
public sealed class RouteTests(ClusterFixture cluster, ITestOutputHelper output) : ClusterTest(cluster)
{
    private static readonly string[] Pieces =
        ["a", "b c", "\"q\"", "\"a,b\"", "\"l1\nl2\"", "\"d\"\"q\"", "", "\"\"", "x\"y\"z", "\\.", "é支😀", " ", "\"\\.\"", "'", "\t",
            "long " + new string('x', 200)];

    [Fact]
    public void All_routes_put_what_copy_puts_and_refuse_what_it_refuses()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        string direct = Cluster.CreateTable("note text, user_id bigint NOT NULL, other text"),
            table = Cluster.Distribute("note text, user_id bigint, other text", "user_id");
        int refused = 0;
        for (int file = 0; file < 60; file++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(Fuzz(random));
            string? expected = Attempt(() => Cluster.CopyAsPsql(direct, bytes, "FORMAT csv"));
            if (expected is not null) refused++;
            foreach (string route in Cluster.IsCitus ? new[] { "Coordinator", "Shard", "Worker" } : ["Coordinator", "Shard"])
            {
                Shell["path"] = Cluster.File("fuzz.csv", bytes);
                RunResult result = Shell.Run($"Import-CsvToCitus $path {table} -NoHeader -Route {route} -WarningAction SilentlyContinue");
                string[] there = Cluster.Rows(table);
                if (expected is null && result.Errors.Count == 0) Assert.Equal(Cluster.Rows(direct), there);
                else if (expected is null)
                    Assert.True(bytes.Length == 0 || there.Length == 0 && Cluster.Count(direct) == 0,
                        $"{route}: {result.Errors[0]}: {Encoding.UTF8.GetString(bytes)}");
                else Assert.True(result.Errors.Count == 1 && there.Length == 0,
                    $"{route} took what COPY refused ({expected}): {Encoding.UTF8.GetString(bytes)}");
                Cluster.Execute($"TRUNCATE {table}");
            }
            Cluster.Execute($"TRUNCATE {direct}");
        }
        output.WriteLine($"{refused} of 60 files refused by COPY");
    }

    [Theory]
    [InlineData("smallint", "SELECT (random() * 60000 - 30000)::int::smallint")]
    [InlineData("integer", "SELECT (random() * 4e9 - 2e9)::bigint::int")]
    [InlineData("bigint", "SELECT (random() * 1e18 - 5e17)::bigint")]
    [InlineData("text", "SELECT md5(random()::text) || ' é'")]
    [InlineData("varchar(40)", "SELECT md5(random()::text)")]
    [InlineData("uuid", "SELECT gen_random_uuid()")]
    [InlineData("date", "SELECT date '1970-01-01' + (random() * 40000)::int")]
    [InlineData("timestamp", "SELECT timestamp '1970-01-01' + random() * interval '60 years'")]
    [InlineData("timestamptz", "SELECT timestamptz '1970-01-01 00:00:00+00' + random() * interval '60 years'")]
    public void Rows_of_every_key_type_land_in_the_shard_that_the_server_would_choose(string type, string value)
    {
        string table = Cluster.Distribute($"k {type}, n int", "k"), source = Cluster.CreateTable($"k {type}, n int");
        Cluster.Execute($"INSERT INTO {source} SELECT ({value} WHERE g > 0), g FROM generate_series(1, 2000) g");
        Shell["path"] = Cluster.File("keys.csv", string.Join('\n', Cluster.Rows(source).Select(r => r.Replace('\t', ','))) + "\n");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -NoHeader -Route Shard").Single;

        Assert.Equal((2000L, "Shard"), (result.Get("Rows"), result.Get("Route")!.ToString()));
        Assert.Equal(Cluster.Rows(source), Cluster.Rows(table));
        // A row in the wrong shard would not be found by its key.
        string[] keys = Cluster.Rows(source, "k").Where((_, i) => i % 40 == 0).ToArray();
        foreach (string key in keys)
            Assert.True(Cluster.Scalar($"SELECT count(*) FROM {table} WHERE k = '{key}'::{type}") is >= 1L,
                $"{key} is not where it is looked for");
    }

    [Fact]
    public void Route_that_is_not_possible_is_told_with_its_reason()
    {
        string reference = Cluster.CreateTable("id bigint PRIMARY KEY, note text");
        Cluster.Execute($"SELECT create_reference_table('{reference}')");
        Shell["path"] = Cluster.File("ref.csv", "id,note\n1,a\n");

        foreach (string route in new[] { "Shard", "Worker" })
        {
            ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {reference} -Route {route}").Failed("CitusRouteNotPossible");
            Assert.Contains("not distributed by hash", error.Exception.Message, StringComparison.Ordinal);
        }
        PSObject result = Shell.Run($"Import-CsvToCitus $path {reference}").Single;
        Assert.Equal("Coordinator", result.Get("Route")!.ToString());
        Assert.Equal(["1\ta"], Cluster.Rows(reference));
    }

    [Fact]
    public void Node_that_cannot_be_reached_sends_the_rows_through_the_coordinator()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Shell["path"] = Cluster.File("far.csv", "id,note\n1,a\n2,b\n");
        ErrorRecord error = Shell.Run($"Import-CsvToCitus $path {table} -Route Shard -NodeAddress @{{ '127.0.0.1' = '127.0.0.1:1' }}")
            .Failed("CitusRouteNotPossible");
        Assert.Contains("127.0.0.1:1 can't be reached", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, Cluster.Count(table));
    }

    private static string? Attempt(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (PostgresException e)
        {
            return e.MessageText;
        }
    }

    private static string Fuzz(Random random)
    {
        string end = random.Next(4) switch { 0 => "\r\n", 1 => "\r", _ => "\n" };
        var text = new StringBuilder();
        for (int row = random.Next(1, 40); row > 0; row--)
        {
            string key = random.Next(30) switch { 0 => "", 1 => "x1", 2 => $"\"{random.Next()}\"", 3 => $" {random.Next()} ",
                _ => $"{random.Next(-100, 100)}" };
            // Line ends inside quotes are the file's own: COPY counts others as stray.
            string Piece() => Pieces[random.Next(Pieces.Length)].Replace("\n", end, StringComparison.Ordinal);
            text.Append(Piece()).Append(',').Append(key).Append(',').Append(Piece());
            if (random.Next(60) == 0) text.Append(",more");
            if (row > 1 || random.Next(2) == 0) text.Append(end);
        }
        return text.ToString();
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Worker")]
    public void Times_are_read_as_the_coordinator_reads_them(string route)
    {
        Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string table = Cluster.Distribute("at timestamptz, day date", "at"), expected = Cluster.CreateTable("at timestamptz, day date");
        const string Csv = "at,day\n2024-07-01 12:00:00,01/02/2024\n2024-01-01 00:30:00,03/04/2024\n";
        Shell["path"] = Cluster.File("times.csv", Csv);
        try
        {
            // Not by a statement that Citus would pass on to the workers.
            Cluster.Execute("ALTER SYSTEM SET timezone = 'Asia/Tokyo'");
            Cluster.Execute("ALTER SYSTEM SET datestyle = 'ISO, DMY'");
            Cluster.Execute("SELECT pg_reload_conf(), pg_sleep(0.5)");
            Cluster.CopyAsPsql(expected, System.Text.Encoding.UTF8.GetBytes(Csv), "FORMAT csv, HEADER true");
            Shell.Run($"Import-CsvToCitus $path {table} -Route {route}").Succeeded();
        }
        finally
        {
            Cluster.Execute("ALTER SYSTEM RESET timezone");
            Cluster.Execute("ALTER SYSTEM RESET datestyle");
            Cluster.Execute("SELECT pg_reload_conf(), pg_sleep(0.5)");
        }
        Assert.Equal(Cluster.Rows(expected), Cluster.Rows(table));
        Assert.Equal(["2023-12-31 15:30:00\t2024-04-03", "2024-07-01 03:00:00\t2024-02-01"],
            Cluster.Rows(table, "at AT TIME ZONE 'UTC', day"));
        Assert.Equal(2L, Cluster.Scalar($"SELECT count(*) FROM {table} t WHERE EXISTS (SELECT FROM {table} o WHERE o.at = t.at)"));
    }
}
