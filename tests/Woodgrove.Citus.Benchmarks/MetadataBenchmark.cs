using System.Globalization;

namespace Woodgrove.Citus.Benchmarks;

/// <summary>How long the cmdlets that read the catalogs take on a large one, and how many statements they need.</summary>
internal static class MetadataBenchmark
{
    private const int ShardsATable = 32, Few = 20;
    private const double Goal = 100, GoalOfChecks = 3000;

    private static readonly (string Cmdlet, string Script)[] Measured =
    [
        // What the server alone needs: for next to nothing, and for all sizes.
        ("Invoke-CitusQuery", "Invoke-CitusQuery 'SELECT 1'"),
        ("Invoke-CitusQuery", "Invoke-CitusQuery 'SELECT count(*), sum(shard_size) FROM citus_shards'"),
        ("Get-CitusNode", "Get-CitusNode"),
        ("Get-CitusNode", "Get-CitusNode -Size"),
        ("Get-DistributedTable", "Get-DistributedTable"),
        ("Get-DistributedTable", "Get-DistributedTable -Size"),
        ("Get-DistributedTable", "Get-DistributedTable benchmark_table_7"),
        ("Get-ShardPlacement", "Get-ShardPlacement"),
        ("Get-ShardPlacement", "Get-ShardPlacement -Size"),
        ("Get-ShardPlacement", "Get-ShardPlacement benchmark_table_7"),
        ("Get-ShardPlacement", "Get-ShardPlacement benchmark_table_7 5"),
        ("Resolve-ShardPlacement", "Resolve-ShardPlacement benchmark_table_7 5"),
        ("Get-Colocation", "Get-Colocation"),
        ("Get-Colocation", "Get-Colocation -Size"),
        ("Measure-ShardSkew", "Measure-ShardSkew"),
        ("Measure-ShardSkew", "Measure-ShardSkew benchmark_table_7"),
        ("Test-CitusCluster", "Test-CitusCluster"),
    ];

    public static int Run(Options options)
    {
        (int tables, int runs) = (options.Number("tables", 200), options.Number("runs", 11));
        using var cluster = new Cluster(options);
        (string Cmdlet, string Script)[] measured =
            [.. Measured.Where(m => cluster.Engine.Run($"Get-Command {m.Cmdlet} -ErrorAction Ignore").Count > 0)];
        Build(cluster, 1, Few);
        int?[] few = [.. measured.Select(m => Statements(cluster, m.Script))];
        Build(cluster, Few + 1, tables);
        int?[] many = [.. measured.Select(m => Statements(cluster, m.Script))];

        var report = new Report("metadata", "The cmdlets that read the catalogs, on a large one");
        report.Paragraph($"{cluster.Description} {tables} tables of {ShardsATable} shards, {tables * ShardsATable} shards; "
            + $"{runs} rounds. Goal: {Goal:0} ms; of Test-CitusCluster {GoalOfChecks:0} ms. "
            + $"Statements are those that reach the coordinator, by pg_stat_statements, with {Few} tables and with {tables}; "
            + "one more or less is the cluster's own maintenance.");
        report.Table(["", "ms, median", "min", "max", $"statements, {Few} tables", $"{tables} tables"], measured.Select((m, i) =>
        {
            Samples samples = Time(cluster, m.Script, runs);
            return (string[])[$"`{m.Script}`", Report.Number(samples.Median, 0), Report.Number(samples.Min, 0),
                Report.Number(samples.Max, 0), Text(few[i]), Text(many[i])];
        }));
        report.Save();
        return 0;
    }

    private static void Build(Cluster cluster, int first, int last)
    {
        Console.Error.WriteLine($"tables {first} to {last}");
        cluster.Engine.Run($$"""
            for ($i = {{first}}; $i -le {{last}}; $i++) {
                $null = New-DistributedTable "benchmark_table_$i" id -ShardCount {{ShardsATable}} -Definition 'id bigint PRIMARY KEY, text text' -WarningAction SilentlyContinue
            }
            """);
    }

    private static Samples Time(Cluster cluster, string script, int runs)
    {
        var samples = new Samples(script);
        for (int round = 0; round <= runs; round++)
        {
            double milliseconds = 1000 * cluster.Engine.Time($"$null = @({script})");
            if (round > 0) samples.Add(milliseconds); // the first warms the caches and the code
        }
        return samples;
    }

    /// <summary>How many statements a script sends to the coordinator, or null where nobody counts them.</summary>
    private static int? Statements(Cluster cluster, string script)
    {
        if (cluster.Engine.Run("Invoke-CitusQuery -As Scalar \"SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements'\"").Count == 0) return null;
        // What a session sends when it is taken from the pool again is not the cmdlet's.
        const string count = "Invoke-CitusQuery -As Scalar \"SELECT sum(calls)::int FROM pg_stat_statements WHERE query !~ "
            + "'pg_stat_statements|^DISCARD' AND toplevel\"";
        int before = Convert.ToInt32(cluster.Engine.Run(count)[0].BaseObject, CultureInfo.InvariantCulture);
        cluster.Engine.Run($"$null = @({script})");
        return Convert.ToInt32(cluster.Engine.Run(count)[0].BaseObject, CultureInfo.InvariantCulture) - before;
    }

    private static string Text(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "not counted";
}
