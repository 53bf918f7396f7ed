using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Schema;

/// <summary>Export-CitusSchema and Import-CitusSchema between real clusters, compared by SQL over their catalogs.</summary>
public sealed class SchemaTests(SchemaClusters clusters, ClusterFixture cluster) : ClusterTest(cluster), IClassFixture<SchemaClusters>
{
    private static readonly string[] Facts =
    [
        """
        SELECT p.logicalrelid::text, p.partmethod, p.repmodel, column_to_column_name(p.logicalrelid, p.partkey),
            min(p.logicalrelid::text) OVER (PARTITION BY nullif(p.colocationid, 0)) IS NOT NULL,
            (SELECT string_agg(q.logicalrelid::text, ',' ORDER BY q.logicalrelid::text) FROM pg_dist_partition q
                WHERE q.colocationid = p.colocationid AND p.colocationid > 0),
            (SELECT string_agg(shardminvalue || '..' || shardmaxvalue, ' ' ORDER BY shardminvalue::int) FROM pg_dist_shard s
                WHERE s.logicalrelid = p.logicalrelid)
        FROM pg_dist_partition p ORDER BY 1
        """,
        "SELECT n.nspname FROM pg_dist_schema s JOIN pg_namespace n ON n.oid = s.schemaid ORDER BY 1",
        """
        SELECT o.objid::regprocedure::text, o.distribution_argument_index,
            (SELECT string_agg(q.logicalrelid::text, ',' ORDER BY 1) FROM pg_dist_partition q WHERE q.colocationid = o.colocationid)
        FROM pg_dist_object o WHERE o.classid = 'pg_proc'::regclass AND o.objid::regprocedure::text !~ '^(pg_catalog|citus)' ORDER BY 1
        """,
        "SELECT relation::text, chunk_group_row_limit, stripe_row_limit, compression, compression_level FROM columnar.options ORDER BY 1",
        """
        SELECT table_schema, table_name, column_name, ordinal_position, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 4
        """,
        """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace::regnamespace::text !~ '^pg_' AND connamespace::regnamespace::text <> 'columnar_internal'
            AND conrelid::regclass::text !~ '_1[0-9]{5}$' ORDER BY 1, 2
        """,
        """
        SELECT schemaname, tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname !~ '^(pg_|columnar)' AND tablename !~ '_1[0-9]{5}$' ORDER BY 1, 2, 3
        """,
        "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits WHERE inhrelid::regclass::text !~ 'pg_' ORDER BY 1",
        "SELECT c.oid::regclass::text, a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relkind = 'r' "
            + "AND c.relnamespace::regnamespace::text !~ '^(pg_|columnar|information)' AND c.relname !~ '_1[0-9]{5}$' ORDER BY 1",
        // The shards' own indexes and constraints, and what else each node has.
        """
        SELECT logicalrelid::text, (SELECT string_agg(DISTINCT success || result, ' ') FROM run_command_on_shards(logicalrelid, $$
            SELECT (SELECT count(*) FROM pg_index WHERE indrelid = '%1$s'::regclass) || ' ' || (SELECT count(*) FROM pg_constraint
                WHERE conrelid = '%1$s'::regclass AND contype <> 'n') $$))
        FROM pg_dist_partition ORDER BY 1
        """,
        """
        SELECT DISTINCT success, result FROM run_command_on_all_nodes($$
            SELECT string_agg(oid::regprocedure::text, ' ' ORDER BY oid::regprocedure::text) || (SELECT string_agg(oid::regtype::text, ' '
                ORDER BY oid::regtype::text) FROM pg_type WHERE typtype = 'e' AND oid::regtype::text !~ '[.]')
                || (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|citus|columnar)')
                || (SELECT string_agg(viewname, ' ' ORDER BY viewname) FROM pg_views WHERE schemaname = 'public')
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace $$)
        """,
    ];

    [Fact]
    public void A_database_with_every_kind_of_table_is_the_same_in_another_cluster_by_import_and_by_psql()
    {
        Cluster.RequireCitus();
        string file = Path.Combine(clusters.Folder, "schema.sql");

        Assert.Equal(file, clusters.Shell.Run($"Export-CitusSchema '{file}' -IncludeDefinition -Connection {clusters.Names[0]}").Single
            .Get("FullName"));
        // Objects reach all nodes and shards, whatever the role's settings.
        clusters.Execute(1, "CREATE EXTENSION IF NOT EXISTS citus_columnar");
        clusters.Shell["to"] = $"{clusters.ConnectionString(1)};Options=-c citus.enable_ddl_propagation=off "
            + "-c default_table_access_method=columnar";
        RunResult import = clusters.Shell.Run($"$c = Connect-CitusCluster -ConnectionString $to -Name alone; Import-CitusSchema '{file}' "
            + "-Connection $c; Disconnect-CitusCluster alone").Succeeded();
        string errors = clusters.Psql(2, file);

        Assert.Empty(errors);
        Assert.Empty(import.Warnings);
        Assert.All(import.Output, r => Assert.True(r.Get("State")!.ToString() is "Applied" or "Equal",
            $"{r.Get("Name")}: {r.Get("State")}"));
        foreach (string facts in Facts)
        {
            string[] expected = clusters.Lines(0, facts);
            Assert.NotEmpty(expected);
            Assert.Equal(expected, clusters.Lines(1, facts));
            Assert.Equal(expected, clusters.Lines(2, facts));
        }
        // Which is so only if the splits are there.
        Assert.Contains(clusters.Lines(1, Facts[0]), l => l.StartsWith("payment_events|h|s|user_id|", StringComparison.Ordinal)
            && l.Contains("-1499999999..-1400000000", StringComparison.Ordinal) && l.Contains("0..5 6..", StringComparison.Ordinal));

        // Again: nothing is changed.
        RunResult again = clusters.Shell.Run($"Import-CitusSchema '{file}' -Connection {clusters.Names[1]}").Succeeded();
        Assert.All(again.Output, r => Assert.True(r.Get("State")!.ToString() == "Equal", $"{r.Get("Name")}: {r.Get("State")}"));

        // What differs is told, what depends on it is left, and the table stays as it is.
        clusters.Execute(1, "SELECT alter_distributed_table('user_events', shard_count := 3, cascade_to_colocated := false)");
        string[] before = clusters.Lines(1, Facts[0]);
        RunResult differs = clusters.Shell.Run($"Import-CitusSchema '{file}' -Connection {clusters.Names[1]}").Succeeded();
        PSObject other = Assert.Single(differs.Output, r => r.Get("State")!.ToString() == "Different");
        Assert.Equal(("DistributedTable", "public.user_events"), (other.Get("Kind")!.ToString(), other.Get("Name")));
        Assert.Contains("ShardCount: 13 in the script, 3 in the database", other.Get("Differences")!.ToString());
        Assert.Equal(before, clusters.Lines(1, Facts[0]));
    }

    [Fact]
    public void Objects_pipe_into_an_import_that_only_shows_the_SQL()
    {
        Cluster.RequireCitus();

        string[] before = clusters.Lines(2, "SELECT count(*) FROM pg_dist_schema");
        RunResult whatIf = clusters.Shell.Run($"Export-CitusSchema -Connection {clusters.Names[0]} | Import-CitusSchema "
            + $"-Connection {clusters.Names[2]} -WhatIf").Succeeded();

        Assert.Equal(before, clusters.Lines(2, "SELECT count(*) FROM pg_dist_schema"));
        IReadOnlyList<PSObject> objects = clusters.Shell.Get($"Export-CitusSchema -Connection {clusters.Names[0]}");
        Assert.Contains(objects, o => o.Get("Kind")!.ToString() == "DistributedTable"
            && ((string)o.Get("Sql")!).Contains("'public.payment_users', 'user_id', colocate_with := 'public.payment_events'",
                StringComparison.Ordinal) || ((string)o.Get("Sql")!).Contains("shard_count := 8", StringComparison.Ordinal));
        Assert.Contains(objects, o => o.Get("Kind")!.ToString() == "ForeignKey" && ((string)o.Get("Name")!).EndsWith("events_user",
            StringComparison.Ordinal));
        if (whatIf.Output.Count < objects.Count) Assert.Contains("create_distributed_table", whatIf.Screen, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pg_dump_that_is_missing_or_too_old_is_told()
    {
        Cluster.RequireCitus();
        string old = Path.Combine(clusters.Folder, "pg_dump");
        File.WriteAllText(old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 11.2'\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(old, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        Assert.Contains("pg_dump refuses servers newer than itself", clusters.Shell.Run($"Export-CitusSchema -IncludeDefinition "
            + $"-PgDump '{old}' -Connection {clusters.Names[0]}").Failed("CitusPgDumpTooOld").Exception.Message, StringComparison.Ordinal);
        clusters.Shell.Run($"Export-CitusSchema -IncludeDefinition -PgDump '{old}x' -Connection {clusters.Names[0]}")
            .Failed("CitusPgDumpNotFound");
    }

    [Fact]
    public void A_script_of_another_hand_is_refused()
    {
        Shell["file"] = Cluster.File("other.sql", "SELECT 1;");
        Shell.Run("Import-CitusSchema $file").Failed("CitusNotASchemaScript");
    }

    [Fact]
    public void The_distribution_of_one_table_and_its_SQL()
    {
        Cluster.RequireSandbox();
        string table = Cluster.Distribute("id bigint NOT NULL", "id");
        // By name: the clusters of the other tests may be connected to later.
        PSObject found = Assert.Single(Shell.Get($"Export-CitusSchema -Connection {Cluster.Sandbox!.Get("Name")} | Where-Object Name -eq 'public.{table}'"));
        Assert.Equal("DistributedTable", found.Get("Kind")!.ToString());
        Assert.Equal($"SELECT pg_catalog.create_distributed_table('public.{table}', 'id', colocate_with := 'none', shard_count := 4);",
            found.Get("Sql"));
    }
}
