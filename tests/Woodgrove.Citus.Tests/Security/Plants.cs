using System.Management.Automation;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>
/// A role that may create objects in public, and plants there what PostgreSQL prefers to pg_catalog's own: overloads of
/// every function that the module calls, and operators. Each that runs tells the server's log for whom.
/// </summary>
internal sealed partial class Plants : IDisposable
{
    private readonly ClusterFixture _cluster;
    private readonly List<(string Server, int Port)> _nodes = [];
    private Dictionary<string, long> _watched = [];

    public Plants(ClusterFixture cluster)
    {
        _cluster = cluster;
        Hostile = cluster.NewName("hostile");
        foreach (PSObject node in cluster.Shell.Get("Get-CitusNode"))
            _nodes.Add(((string)node.Get("NodeName")!, (int)node.Get("NodePort")!));
        string password = File.ReadAllText(new NpgsqlConnectionStringBuilder(cluster.ConnectionString).Passfile!).Trim().Split(':')[^1];
        cluster.Execute($"CREATE ROLE {Hostile} LOGIN PASSWORD '{password}'; GRANT CREATE ON SCHEMA public TO {Hostile}");
    }

    /// <summary>The role that owns what is planted.</summary>
    public string Hostile { get; }

    public void Plant()
    {
        string functions = string.Join(' ', Sources().SelectMany(s => Call().Matches(s)).Select(m => m.Groups[1].Value).Distinct().Order());
        Assert.Contains("quote_ident", functions, StringComparison.Ordinal);
        string script = File.ReadAllText(Path.Combine(Repository.Root, "tests", "Woodgrove.Citus.Tests", "Security", "plant.sql"));
        OnEachNode($"""
            SET citus.enable_ddl_propagation = off; GRANT CREATE ON SCHEMA public TO {Hostile}; SET ROLE {Hostile};
            SELECT pg_catalog.set_config('plant.functions', '{functions}', false),
                pg_catalog.set_config('plant.operators', '= <> < > <= >= || ~ !~ ~~ !~~ + - * / << -> ->>', false);
            """ + script);
    }

    /// <summary>
    /// Tables of the role's that everybody may read and write, whose policies and trigger run its functions for whoever
    /// does.
    /// </summary>
    /// <returns>One that is local, with the trigger, and one that is distributed.</returns>
    public (string Local, string Distributed) Bait()
    {
        string bait = _cluster.NewName("bait"),
            distributed = _cluster.Distribute("id bigint, user_id bigint, note text", "user_id", _cluster.NewName("bait"));
        OnEachNode($"""
            SET citus.enable_ddl_propagation = off; SET ROLE {Hostile};
            CREATE OR REPLACE FUNCTION public.planted_policy() RETURNS boolean LANGUAGE plpgsql AS
                $f$ BEGIN RAISE LOG 'PLANTED % of % by %', 'policy', current_setting('application_name'), current_user; RETURN true;
                    END $f$;
            CREATE OR REPLACE FUNCTION public.planted_trigger() RETURNS trigger LANGUAGE plpgsql AS
                $f$ BEGIN RAISE LOG 'PLANTED % of % by %', 'trigger', current_setting('application_name'), current_user; RETURN NEW; END $f$
            """);
        _cluster.Execute($"""
            CREATE TABLE {bait} (id bigint, user_id bigint, note text);
            INSERT INTO {bait} VALUES (1, 1, 'n');
            ALTER TABLE {bait} OWNER TO {Hostile};
            GRANT SELECT, INSERT ON {bait} TO PUBLIC;
            ALTER TABLE {bait} ENABLE ROW LEVEL SECURITY;
            CREATE POLICY planted ON {bait} USING (public.planted_policy());
            CREATE TRIGGER planted BEFORE INSERT ON {bait} FOR EACH ROW EXECUTE FUNCTION public.planted_trigger()
            """);
        _cluster.Execute($"INSERT INTO {distributed} SELECT i, i, 'n' FROM generate_series(1, 100) i");
        foreach (string sql in new[]
            { $"ALTER TABLE {distributed} OWNER TO {Hostile}", $"GRANT SELECT, INSERT ON {distributed} TO PUBLIC",
                $"ALTER TABLE {distributed} ENABLE ROW LEVEL SECURITY",
            $"CREATE POLICY planted ON {distributed} USING (public.planted_policy())" }) _cluster.Execute(sql);
        return (bait, distributed);
    }

    /// <summary>What runs from now on counts.</summary>
    public void Watch() => _watched = Directory.GetFiles((string)_cluster.Sandbox!.Get("Path")!, "*.log")
        .ToDictionary(l => l, l => new FileInfo(l).Length);

    /// <summary>What ran for the module, or for Citus at work for it, as a role.</summary>
    public IReadOnlyList<string> RunBy(string role) => Ran(user => user == role);

    /// <summary>The same as any role but the one that planted it.</summary>
    public IReadOnlyList<string> RunByOthers() => Ran(user => user != Hostile);

    /// <summary>
    /// To plan a rebalance, Citus measures shards over a session of its own, which has the role's path; no client can pin that one.
    /// </summary>
    public static bool IsRebalancePlan(string script, string line) =>
        (script.StartsWith("Start-ShardRebalance", StringComparison.Ordinal)
            || script.StartsWith("Measure-ShardSkew", StringComparison.Ordinal)
            || script.StartsWith("Test-CitusCluster", StringComparison.Ordinal)
            || script.StartsWith("Export-CitusReport", StringComparison.Ordinal))
        && line.Contains("of citus_internal gpid=", StringComparison.Ordinal)
        && (line.Contains("operator(integer,numeric)", StringComparison.Ordinal)
            || line.Contains("operator(numeric,integer)", StringComparison.Ordinal)); // of partitioned tables

    public void Dispose()
    {
        OnEachNode("SET citus.enable_ddl_propagation = off; DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = "
            + $"'{Hostile}'::name) THEN EXECUTE 'DROP OWNED BY {Hostile} CASCADE'; END IF; END $$");
        _cluster.Execute($"DROP ROLE IF EXISTS {Hostile}");
    }

    private List<string> Ran(Func<string, bool> isMeant)
    {
        var lines = new List<string>();
        foreach ((string log, long length) in _watched)
        {
            using var stream = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            stream.Position = length;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
                if (Report().Match(line) is { Success: true } m && m.Groups[2].Value is not ("" or "Citus Maintenance Daemon")
                    && isMeant(m.Groups[3].Value)) lines.Add(line);
        }
        return lines;
    }

    private void OnEachNode(string sql)
    {
        foreach ((string server, int port) in _nodes)
        {
            using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_cluster.ConnectionString) { Host = server,
                Port = port, Pooling = false, SearchPath = "pg_catalog", MaxAutoPrepare = 0 }.ConnectionString);
            session.Open();
            using var command = new NpgsqlCommand(sql, session) { CommandTimeout = 120 };
            command.ExecuteNonQuery();
        }
    }

    private static IEnumerable<string> Sources() =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Woodgrove.Citus.Core"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal)).Select(File.ReadAllText);

    [GeneratedRegex(@"(?<![\w.])(?:pg_catalog\.)?([a-z_][a-z0-9_]*)\(")]
    private static partial Regex Call();

    [GeneratedRegex("PLANTED (.*) of (.*) by (.*)$")]
    private static partial Regex Report();
}
