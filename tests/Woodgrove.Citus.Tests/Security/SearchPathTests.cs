using System.Globalization;
using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>
/// What a role that may create objects in public plants there is never called by the module, run by a superuser: the search path of
/// what the module asks is pinned on every node.
/// </summary>
public sealed partial class SearchPathTests : ClusterTest
{
    /// <summary>Cmdlets that ask no cluster anything, or start one of their own.</summary>
    private static readonly string[] Elsewhere =
        ["Disconnect-CitusCluster", "Get-CitusConnection", "Get-CitusCheck", "Start-CitusSandbox", "Stop-CitusSandbox", "Get-CitusSandbox",
            "New-CitusSampleData", "Invoke-CitusValidation"];

    private readonly string _hostile;
    private readonly List<(string Server, int Port)> _nodes = [];

    public SearchPathTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        _hostile = cluster.NewName("hostile");
        foreach (PSObject node in Shell.Get("Get-CitusNode")) _nodes.Add(((string)node.Get("NodeName")!, (int)node.Get("NodePort")!));
    }

    [Fact]
    public void Nothing_planted_in_public_is_run_by_any_cmdlet_of_a_superuser()
    {
        string plain = Cluster.NewName("plain"), events = Cluster.NewName("events"), users = Cluster.NewName("users"),
            fresh = Cluster.NewName("fresh"), reference = Cluster.NewName("ref");
        // Columns of types without operators of their own, which only overloads have exactly.
        Cluster.Execute($"CREATE TABLE {users} (id varchar(20) PRIMARY KEY, label name)");
        Cluster.Execute($"SELECT create_distributed_table('{users}', 'id', shard_count := 4, colocate_with := 'none')");
        Cluster.Execute($"CREATE TABLE {events} (id bigint, user_id varchar(20) REFERENCES {users}, note text, amount numeric, "
            + "PRIMARY KEY (user_id, id))");
        Cluster.Execute($"SELECT create_distributed_table('{events}', 'user_id', colocate_with := '{users}')");
        Cluster.Execute($"INSERT INTO {users} SELECT i::text, 'u' || i FROM generate_series(1, 500) i");
        Cluster.Execute($"INSERT INTO {events} SELECT 10000 + i, i::text, 'n', i FROM generate_series(1, 400) i");
        Cluster.Execute($"CREATE TABLE {plain} (id bigint PRIMARY KEY, note text)");
        Cluster.Execute($"CREATE TABLE {fresh} (id bigint PRIMARY KEY, note text)");
        Cluster.Execute($"CREATE TABLE {reference} (id bigint PRIMARY KEY, note text)");
        Cluster.Execute("ANALYZE");
        Shell["csv"] = Cluster.File("planted.csv",
            "id,user_id,note,amount\n" + string.Concat(Enumerable.Range(1, 400).Select(i => $"{i},{i},note {i},{i}.5\n")));
        Shell["more"] = Cluster.File("planted-more.csv",
            "id,user_id,note,amount\n" + string.Concat(Enumerable.Range(1, 400).Select(i => $"{20_000 + i},{i},note {i},{i}.5\n")));
        Shell["bad"] = Cluster.File("planted-bad.csv",
            "id,user_id,note,amount\n900,1,good,1\n1,1,has its key already,1\n901,nobody,lacks its user,1\n902,2,is no number,x\n");
        Shell["out"] = Path.Combine(Cluster.Folder, "planted-out.csv");
        Shell["report"] = Path.Combine(Cluster.Folder, "planted.html");
        Shell["rejects"] = Path.Combine(Cluster.Folder, "planted-rejects.csv");
        Shell["port"] = Cluster.Sandbox!.Get("Port");
        Shell["connectionString"] = Cluster.ConnectionString;
        string[] scripts =
        [
            "Connect-CitusCluster -ConnectionString $connectionString -Name planted | Disconnect-CitusCluster",
            $"New-DistributedTable {fresh} id", $"New-ReferenceTable {reference}", "Get-DistributedTable", $"Get-DistributedTable {events}",
            "Get-CitusNode", "Get-ShardPlacement", $"Get-ShardPlacement {events} -Value 7", $"'7', '8' | Resolve-ShardPlacement {users}",
            $"Measure-ShardSkew {events} -By Rows", $"Measure-ShardSkew {events}", $"Find-DistributionColumn {events}",
            "Get-Colocation", $"Test-Colocation {events}, {users}", "Start-ShardRebalance -WhatIf", "Get-ShardRebalance",
            "Stop-ShardRebalance -Confirm:$false",
            $"Test-CitusCsv $csv {events}",
            $"Import-CsvToCitus $csv {events} -Route Coordinator",
            $"Import-CsvToCitus $bad {events} -Route Coordinator -OnError Skip -RejectPath $rejects",
            $"Import-CsvToCitus $bad {events} -OnError Skip -RejectPath $rejects -OnConflict Update -ImportId "
                + "11111111-2222-3333-4444-555555555555",
            $"Import-CsvToCitus $csv {events} -Truncate",
            $"Import-CsvToCitus $csv {events} -Route Shard -OnError Skip -RejectPath $rejects",
            $"Import-CsvToCitus $more {events} -Route Worker",
            $"Import-CsvToCitus $bad {events}", $"Import-CsvToCitus $csv {events} -WhatIf", $"Import-CsvToCitus $csv {events} -Resume",
            $"[pscustomobject]@{{ id = 5000; user_id = '1'; note = 'n'; amount = 1 }} | Add-CitusRow {events} -OnConflict Skip",
            $"[pscustomobject]@{{ id = 5000; user_id = '1'; note = 'n'; amount = 1 }} | Add-CitusRow {events} -OnError Skip",
            "Get-CitusImport", "Repair-CitusImport", "Remove-CitusImport 11111111-2222-3333-4444-555555555555 -Confirm:$false",
            $"Export-CitusToCsv {events} $out", $"Export-CitusToCsv {events} $out -Parallel", "Invoke-CitusQuery 'SELECT 1'",
            $"Get-CitusQueryPlan 'SELECT * FROM {events}'", $"Get-CitusQueryPlan 'SELECT * FROM {events} FOR UPDATE'",
            $"Get-CitusQueryFragment 'SELECT * FROM {events}'",
            $"Compare-CitusQueryPlan 'SELECT * FROM {events}' 'SELECT * FROM {users}'",
            "Get-CitusActivity -All", "Get-CitusLockWait", "Get-CitusStatement", "Get-CitusTenant",
            $"Export-CitusReport $report -Table {events}", "Test-CitusCluster", "Get-CitusSetting",
            "[System.Management.Automation.CommandCompletion]::CompleteInput('Get-ShardPlacement ', 19, $null)",
            $"[System.Management.Automation.CommandCompletion]::CompleteInput('New-DistributedTable {events} ', {22 + events.Length}, "
                + "$null)",
        ];
        foreach (string name in Shell.Get("(Get-Module Woodgrove.Citus).ExportedCmdlets.Keys").Select(n => n.ToString()).Except(Elsewhere))
            Assert.Contains(scripts, s => s.Contains(name, StringComparison.Ordinal));

        var refused = new List<string>();
        try
        {
            Plant();
            Dictionary<string, long> logs = Logs().ToDictionary(l => l, l => new FileInfo(l).Length);
            // The plants work: the user's own query, on the user's path, runs them.
            Shell.Run("Invoke-CitusQuery 'SELECT quote_ident(relname), relname || 1::bigint FROM pg_class LIMIT 1'");
            string[] proof = Planted(logs);
            Assert.Contains(proof, p => p.Contains("quote_ident(name)", StringComparison.Ordinal));
            Assert.Contains(proof, p => p.Contains("operator(name,bigint)", StringComparison.Ordinal));

            foreach (string script in scripts)
            {
                logs = Logs().ToDictionary(l => l, l => new FileInfo(l).Length);
                RunResult run = Shell.Run(script);
                string[] ran = [.. Planted(logs).Where(l => !IsRebalancePlan(script, l)).Distinct()];
                Assert.True(ran.Length == 0, $"{script} ran: {string.Join(Environment.NewLine, ran.Take(10))}");
                refused.AddRange(run.Errors.Select(e => $"{script}: {e.FullyQualifiedErrorId.Split(',')[0]}: {e.Exception.Message}"));
            }
        }
        finally
        {
            Clear();
            Cluster.Execute($"DROP TABLE IF EXISTS {events}, {users}, {plain}, {fresh}, {reference}");
        }
        // What fails with the plants there would hide what it did not come to.
        string[] unexpected = [.. refused.Where(r => !Expected.Any(e => Regex.IsMatch(r, e, RegexOptions.CultureInvariant)))];
        Assert.True(unexpected.Length == 0, string.Join(Environment.NewLine, unexpected));
    }

    /// <summary>Errors that these calls have on a cluster without plants too, but for Citus's own of a rebalance.</summary>
    private static readonly string[] Expected =
    [
        "^Stop-ShardRebalance.*: CitusRebalanceNotRunning", @"^Import-CsvToCitus \$bad.*: (CitusRowRefused|CitusRowsRejected)",
        "^Get-CitusQueryPlan .* FOR UPDATE': Citus",
        "^Import-CsvToCitus .* -Resume: CitusImportComplete", ".*Add-CitusRow .* -OnError Skip: CitusRowRefused",
        "^Start-ShardRebalance -WhatIf: CitusServerError",
        "^Get-CitusTenant: CitusNotSupported", "^Get-CitusStatement: CitusStatementsNotCounted",
        "^Import-CsvToCitus .* -Route (Shard|Worker).*: CitusRouteNotPossible",
        "^(Start|Get|Stop)-ShardRebalance.*: CitusNotSupported",
    ];

    private void Plant()
    {
        string functions = string.Join(' ', Sources().SelectMany(s => Call().Matches(s)).Select(m => m.Groups[1].Value).Distinct().Order());
        Assert.Contains("quote_ident", functions, StringComparison.Ordinal);
        Cluster.Execute($"CREATE ROLE {_hostile}; GRANT CREATE ON SCHEMA public TO {_hostile}");
        string script = File.ReadAllText(Path.Combine(Repository.Root, "tests", "Woodgrove.Citus.Tests", "Security", "plant.sql"));
        OnEachNode($"""
            SET citus.enable_ddl_propagation = off; GRANT CREATE ON SCHEMA public TO {_hostile}; SET ROLE {_hostile};
            SELECT pg_catalog.set_config('plant.functions', '{functions}', false),
                pg_catalog.set_config('plant.operators', '= <> < > <= >= || ~ !~ ~~ !~~ + - * / << -> ->>', false);
            """ + script);
    }

    private void Clear()
    {
        OnEachNode("SET citus.enable_ddl_propagation = off; DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = "
            + $"'{_hostile}'::name) THEN EXECUTE 'DROP OWNED BY {_hostile} CASCADE'; END IF; END $$");
        Cluster.Execute($"DROP ROLE IF EXISTS {_hostile}");
    }

    private void OnEachNode(string sql)
    {
        foreach ((string server, int port) in _nodes)
        {
            using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Host = server,
                Port = port, Pooling = false, SearchPath = "pg_catalog", MaxAutoPrepare = 0 }.ConnectionString);
            session.Open();
            using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 120 };
            command.ExecuteNonQuery();
        }
    }

    private static IEnumerable<string> Sources() =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Woodgrove.Citus.Core"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText);

    /// <summary>
    /// To plan a rebalance, Citus measures shards over a session of its own, which has the role's path; no client can pin that one.
    /// </summary>
    private static bool IsRebalancePlan(string script, string line) =>
        (script.StartsWith("Start-ShardRebalance", StringComparison.Ordinal)
            || script.StartsWith("Measure-ShardSkew", StringComparison.Ordinal)
            || script.StartsWith("Test-CitusCluster", StringComparison.Ordinal)
            || script.StartsWith("Export-CitusReport", StringComparison.Ordinal))
        && line.Contains("of citus_internal gpid=", StringComparison.Ordinal)
        && line.Contains("operator(integer,numeric)", StringComparison.Ordinal);

    private string[] Logs() => Directory.GetFiles((string)Cluster.Sandbox!.Get("Path")!, "*.log");

    /// <summary>What ran since for the module, or for Citus at work for it, as a superuser.</summary>
    private static string[] Planted(Dictionary<string, long> since)
    {
        var lines = new List<string>();
        foreach ((string log, long length) in since)
        {
            using var stream = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            stream.Position = length;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
                if (Report().Match(line) is { Success: true } m && m.Groups[2].Value is not ("" or "Citus Maintenance Daemon")
                    && m.Groups[3].Value == "postgres") lines.Add(line);
        }
        return [.. lines];
    }

    [GeneratedRegex(@"(?<![\w.])(?:pg_catalog\.)?([a-z_][a-z0-9_]*)\(")]
    private static partial Regex Call();

    [GeneratedRegex("PLANTED (.*) of (.*) by (.*)$")]
    private static partial Regex Report();
}
