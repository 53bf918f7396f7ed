using System.Management.Automation;
using System.Text.Json;
using Woodgrove.Citus.Tests.Comparison;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Runbooks;

/// <summary>A database moved by the runbook, unattended, into an empty cluster.</summary>
public sealed class MoveClusterTests(ComparedClusters clusters, ClusterFixture cluster) : ClusterTest(cluster),
    IClassFixture<ComparedClusters>
{
    private const string Tables = """
        CREATE TABLE move_currencies (code text PRIMARY KEY, rate numeric);
        CREATE TABLE move_events (event_id bigserial, user_id bigint, code text REFERENCES move_currencies, PRIMARY KEY (event_id, user_id));
        CREATE TABLE move_notes (user_id bigint, note text);
        """;

    private static readonly string[] Names = ["public.move_audit", "public.move_currencies", "public.move_events",
        "public.move_notes", "public.move_orders"];

    [Theory, MemberData(nameof(Pwsh.Shells), MemberType = typeof(Pwsh))]
    public async Task A_database_is_moved_and_proven_equal_and_a_difference_fails_the_job(string shell)
    {
        Cluster.RequireCitus();
        foreach (string side in new[] { clusters.Source, clusters.Target })
            clusters.Execute(side, "DROP TABLE IF EXISTS move_notes, move_events, move_currencies, move_appended, "
                + "move_orders, move_audit; DROP SCHEMA IF EXISTS woodgrove CASCADE");
        clusters.Execute(clusters.Source, Tables);
        clusters.Execute(clusters.Source, """
            SELECT create_reference_table('move_currencies');
            SELECT create_distributed_table('move_events', 'user_id', shard_count := 6, colocate_with := 'none');
            SELECT create_distributed_table('move_notes', 'user_id', colocate_with := 'move_events');
            INSERT INTO move_currencies SELECT 'c' || i, i / 3.0 FROM generate_series(1, 20) i;
            INSERT INTO move_events (user_id, code) SELECT i % 90, 'c' || 1 + i % 20 FROM generate_series(1, 2000) i;
            INSERT INTO move_notes SELECT i % 90, 'note ' || i FROM generate_series(1, 500) i
            """);
        // A trigger that writes to another table that is copied, and one table with a foreign key to a reference table.
        clusters.Execute(clusters.Source, """
            CREATE TABLE move_orders (id bigint PRIMARY KEY, code text REFERENCES move_currencies);
            CREATE TABLE move_audit (order_id bigint);
            CREATE OR REPLACE FUNCTION move_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.move_audit VALUES (new.id);
                RETURN new; END $$;
            CREATE TRIGGER move_logged AFTER INSERT ON move_orders FOR EACH ROW EXECUTE FUNCTION move_log();
            COMMENT ON TRIGGER move_logged ON move_orders IS 'writes move_audit';
            INSERT INTO move_orders SELECT i, 'c' || i FROM generate_series(1, 20) i
            """);
        string folder = Path.Combine(Cluster.Folder, $"moved-{shell}");

        (int code, string output, string error) = await MoveAsync(shell, folder);

        Assert.True(code == 0, error + output);
        Assert.Equal(["Schema", "Copied", "Schema", "Equal"], States(output));
        foreach (string table in Names) Assert.Equal(clusters.Content(clusters.Source, table), clusters.Content(clusters.Target, table));
        JsonElement[] compared = Compared(folder);
        Assert.Equal(Names, compared.Select(c => c.GetProperty("Table").GetString()!));
        Assert.All(compared, c => Assert.True(c.GetProperty("IsEqual").GetBoolean()));
        Assert.Contains("move_events", await File.ReadAllTextAsync(Path.Combine(folder, "report.html"), TestContext.Current.CancellationToken),
            StringComparison.Ordinal);

        Assert.Equal(2001L, clusters.Scalar(clusters.Target, "SELECT nextval('move_events_event_id_seq')"));

        Assert.Equal("move_logged: writes move_audit", clusters.Scalar(clusters.Target, "SELECT tgname || ': ' || obj_description(oid, "
            + "'pg_trigger') FROM pg_trigger WHERE tgrelid = 'move_orders'::regclass AND NOT tgisinternal"));

        // Again: all of it exists, and is equal.
        string id = File.ReadAllText(Path.Combine(folder, "import-id.txt"));
        (code, output, error) = await MoveAsync(shell, folder);
        Assert.True(code == 0, error + output);
        Assert.Equal(("Equal", id), (States(output)[^1], File.ReadAllText(Path.Combine(folder, "import-id.txt"))));

        // A table that can't be distributed by the script fails the job before any row is copied.
        clusters.Execute(clusters.Source, "CREATE TABLE move_appended (id bigint); SELECT create_distributed_table('move_appended', 'id', 'append')");
        (code, output, error) = await MoveAsync(shell, folder);
        Assert.Equal(1, code);
        Assert.DoesNotContain("\"State\"", output, StringComparison.Ordinal);
        Assert.Contains("startthejobagain:DistributedTablepublic.move_appended:Itisdistributedbyrangeorappend", Compact(error),
            StringComparison.Ordinal);
        foreach (string side in new[] { clusters.Source, clusters.Target }) clusters.Execute(side, "DROP TABLE move_appended");

        // A row that was written meanwhile fails the job, and its key is in the file.
        clusters.Execute(clusters.Source, "INSERT INTO move_events (event_id, user_id) VALUES (777777, 5)");
        (code, output, error) = await MoveAsync(shell, folder);
        Assert.Equal((1, "Schema"), (code, States(output)[^1]));
        Assert.Contains($"1of{Names.Length}table(s)arenotequal:public.move_events(2001and2000rows)", Compact(error),
            StringComparison.Ordinal);
        JsonElement difference = Assert.Single(Compared(folder).Single(c => !c.GetProperty("IsEqual").GetBoolean())
            .GetProperty("Differences")
            .EnumerateArray());
        Assert.Equal(("OnlyInSource", "event_id = 777777, user_id = 5"),
            (difference.GetProperty("Kind").GetString(), difference.GetProperty("Key").GetString()));

        // What is there already and differs is left as it is.
        clusters.Execute(clusters.Target, "SELECT alter_distributed_table('move_notes', shard_count := 3, cascade_to_colocated := false)");
        (code, output, error) = await MoveAsync(shell, folder);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains("ThetargethasobjectsthatdifferfromthesourcesDistributedTablepublic.move_notes", Compact(error).Replace("'", "")
            .Replace(":", ""),
            StringComparison.Ordinal);
    }

    private Task<(int ExitCode, string Output, string Error)> MoveAsync(string shell, string folder) => Pwsh.RunAsync(shell, $"""
        & '{Path.Combine(Repository.Root, "module", "examples", "runbooks", "Move-Cluster.ps1")}' -From {Side(clusters.Source)} -To {Side(clusters.Target)} -Path '{folder}' -Table 'move_*'
        """);

    private string Side(string name)
    {
        PSObject sandbox = clusters.Shell.Run($"Get-CitusSandbox | Where-Object Name -eq '{name}'").Single;
        return $"@{{ ConnectionString = 'Host=127.0.0.1;Port={sandbox.Get("Port")};Database=citus;Username=postgres;"
            + $"Passfile={sandbox.Get("Path")}/pgpass' }}";
    }

    private static JsonElement[] Compared(string folder) =>
        [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "comparison.json"))).RootElement.EnumerateArray()];

    private static string[] States(string output) =>
        [.. output.Split('\n').Select(l => JsonDocument.Parse(l).RootElement.GetProperty("State").GetString()!)];

    /// <summary>The console breaks messages into lines, also within words.</summary>
    private static string Compact(string error) => string.Concat(error.Where(c => !char.IsWhiteSpace(c) && c != '|'));
}
