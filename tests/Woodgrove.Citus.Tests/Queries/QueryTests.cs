using System.Collections;
using System.Data;
using System.Diagnostics;
using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Queries;

public sealed class QueryTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private static readonly TimeSpan Seconds = TimeSpan.FromSeconds(30); // for a busy machine; the queries would take a minute

    [Fact]
    public void Values_come_as_native_types()
    {
        PSObject row = Shell.Run("""
            Invoke-CitusQuery "SELECT 1::int AS i, 2::bigint AS b, 1.50::numeric AS n, 2.5::float8 AS f, true AS t, 'x'::text AS s, NULL::text AS missing,
                '{\"a\": 1}'::jsonb AS j, DATE '2024-02-29' AS d, TIMESTAMP '2024-02-29 12:34:56' AS ts, TIMESTAMPTZ '2024-02-29 12:34:56+02' AS tz,
                INTERVAL '90 minutes' AS iv, '6f2d7f0e-8a53-4d0a-9b67-3c1f6a0f4d21'::uuid AS u, '\x00ff'::bytea AS by, ARRAY[1,2]::int[] AS a, 'NaN'::float8 AS nan"
            """.Replace("\\\"", "`\"")).Single;

        Assert.Equal(1, row.Get("i"));
        Assert.Equal(2L, row.Get("b"));
        Assert.Equal(1.50m, row.Get("n"));
        Assert.Equal(2.5, row.Get("f"));
        Assert.Equal(true, row.Get("t"));
        Assert.Equal("x", row.Get("s"));
        Assert.Null(row.Get("missing"));
        Assert.Equal("{\"a\": 1}", row.Get("j"));
        Assert.Equal("2024-02-29", Assert.IsAssignableFrom<IFormattable>(row.Get("d")).ToString("yyyy-MM-dd", null));
        Assert.Equal(new DateTime(2024, 2, 29, 12, 34, 56), row.Get("ts"));
        Assert.Equal(new DateTime(2024, 2, 29, 10, 34, 56, DateTimeKind.Utc), row.Get("tz"));
        Assert.Equal(TimeSpan.FromMinutes(90), row.Get("iv"));
        Assert.Equal(Guid.Parse("6f2d7f0e-8a53-4d0a-9b67-3c1f6a0f4d21"), row.Get("u"));
        Assert.Equal([0, 255], (byte[])row.Get("by")!);
        Assert.Equal([1, 2], (int[])row.Get("a")!);
        Assert.Equal(double.NaN, row.Get("nan"));
    }

    [Fact]
    public void Catalogs_are_readable_whatever_types_they_hold()
    {
        string table = Cluster.Distribute("user_id bigint", "user_id");

        PSObject row = Shell.Run("Invoke-CitusQuery \"SELECT table_name, citus_table_type, "
            + $"shard_count FROM citus_tables WHERE table_name = '{table}'::regclass\"").Single;

        Assert.Equal((table, "distributed", 4L), (row.Get("table_name"), row.Get("citus_table_type"), row.Get("shard_count")));
        Assert.Equal("{postgres=arwdDxt/postgres}",
            Shell.Run("Invoke-CitusQuery \"-- rights\n /* of */ SELECT '{postgres=arwdDxt/postgres}'::aclitem[] AS acl\" -As Scalar").Single.BaseObject);
        Assert.NotEmpty(Shell.Get("Invoke-CitusQuery 'SELECT * FROM pg_class LIMIT 5'"));
        Assert.NotEmpty(Shell.Get("Invoke-CitusQuery 'SELECT * FROM pg_proc LIMIT 5'"));
        Assert.NotEmpty(Shell.Get("Invoke-CitusQuery 'SELECT * FROM pg_stat_activity'"));
        Assert.NotEmpty(Shell.Get("Invoke-CitusQuery 'SELECT * FROM citus_shards'"));
        Assert.Equal(typeof(string), ((System.Data.DataTable)Shell.Run("Invoke-CitusQuery \"SELECT 'pg_class'::regclass AS c\" -As "
            + "DataTable").Single.BaseObject).Columns[0].DataType);
    }

    [Theory]
    [InlineData("5", "bigint", "5")]
    [InlineData("[long]5", "bigint", "5")]
    [InlineData("[short]5", "smallint", "5")]
    [InlineData("[byte]5", "int", "5")]
    [InlineData("[uint32]5", "bigint", "5")]
    [InlineData("[uint64]5", "numeric", "5")]
    [InlineData("5.25", "numeric", "5.25")]
    [InlineData("5.25d", "numeric", "5.25")]
    [InlineData("$true", "boolean", "true")]
    [InlineData("'it''s; --'", "text", "it's; --")]
    [InlineData("'5'", "bigint", "5")]
    [InlineData("'{\"a\":1}'", "jsonb", "{\"a\": 1}")]
    [InlineData("[char]'x'", "text", "x")]
    [InlineData("[guid]'6f2d7f0e-8a53-4d0a-9b67-3c1f6a0f4d21'", "uuid", "6f2d7f0e-8a53-4d0a-9b67-3c1f6a0f4d21")]
    [InlineData("[byte[]](0,255)", "bytea", "\\x00ff")]
    [InlineData("[datetime]'2024-02-29 12:34:56'", "timestamp", "2024-02-29 12:34:56")]
    [InlineData("[datetime]::SpecifyKind('2024-02-29 12:34:56', 'Utc')", "timestamptz", "2024-02-29 12:34:56+00")]
    [InlineData("[DateTimeOffset]'2024-02-29 12:34:56+02:00'", "timestamptz", "2024-02-29 10:34:56+00")]
    [InlineData("[DateOnly]::new(2024, 2, 29)", "date", "2024-02-29")]
    [InlineData("[timespan]'01:30:00'", "interval", "01:30:00")]
    [InlineData("$null", "text", null)]
    [InlineData("[DBNull]::Value", "text", null)]
    [InlineData("@(1, 2)", "int[]", "{1,2}")]
    [InlineData("@(1, $null, 3)", "int[]", "{1,NULL,3}")]
    [InlineData("@('a', $null, 'b,c')", "text[]", "{a,NULL,\"b,c\"}")]
    [InlineData("@('a', 'b' | ForEach-Object { [psobject]::AsPSObject($_) })", "text[]", "{a,b}")]
    [InlineData("@()", "int[]", "{}")]
    [InlineData("[long[]](1, 2)", "bigint[]", "{1,2}")]
    [InlineData("[System.DayOfWeek]::Monday", "text", "Monday")]
    public void Parameters_of_many_types_arrive_as_they_are(string value, string type, string? text)
    {
        RunResult run = Shell.Run($"Invoke-CitusQuery \"SELECT (@value::{type})::text\" -Parameter @{{ value = {value} }} -As Scalar "
            + $"-Setting @{{ TimeZone = 'UTC' }}").Succeeded();

        Assert.Equal(text, Assert.Single(run.Output)?.BaseObject);
    }

    [Theory]
    [InlineData("@()", "")]
    [InlineData("@($null)", "")]
    [InlineData("@(2, 5000000000)", "2")]
    [InlineData("@(2, 3.5)", "2")]
    [InlineData("@(1, $null, 3.5d)", "1")]
    [InlineData("[System.Collections.ArrayList]@(1, 2)", "1, 2")]
    [InlineData("[System.Collections.Generic.List[object]]@(1, [psobject]::AsPSObject(5000000000))", "1")]
    [InlineData("[System.Collections.Generic.List[long]]@(1, 2)", "1, 2")]
    public void A_list_is_compared_with_a_column_of_numbers(string list, string found)
    {
        string sql = "SELECT k FROM (VALUES (1::bigint), (2), (3)) v (k) WHERE k = ANY (@list) ORDER BY k";

        Assert.Equal(found, string.Join(", ",
            Shell.Get($"Invoke-CitusQuery '{sql}' -Parameter @{{ list = {list} }}").Select(r => r.Get("k"))));
    }

    [Fact]
    public void A_parameter_is_a_value_and_never_SQL()
    {
        string table = Cluster.CreateTable("note text");

        Shell.Get($"Invoke-CitusQuery 'INSERT INTO {table} VALUES (@note)' -Parameter ([ordered]@{{ note = \"'); DROP TABLE {table}; "
            + $"--\" }})");

        Assert.Equal([$"'); DROP TABLE {table}; --"], Cluster.Rows(table));
    }

    [Fact]
    public void Rows_take_the_shape_that_is_asked_for()
    {
        const string query = "'SELECT i, i * 10 AS ten FROM generate_series(1, 3) i'";

        Assert.Equal([10, 20, 30], Shell.Get($"Invoke-CitusQuery {query}").Select(r => r.Get("ten")));
        Assert.Equal([10, 20, 30], Shell.Get($"Invoke-CitusQuery {query} -As Hashtable").Select(r => ((Hashtable)r.BaseObject)["TEN"]));
        Assert.Equal(1, Shell.Run($"Invoke-CitusQuery {query} -As Scalar").Single.BaseObject);
        DataTable table = Assert.IsType<DataTable>(Shell.Run($"Invoke-CitusQuery {query} -As DataTable").Single.BaseObject);
        Assert.Equal(["i", "ten"], table.Columns.Cast<DataColumn>().Select(c => c.ColumnName));
        Assert.Equal(typeof(int), table.Columns["ten"]!.DataType);
        Assert.Equal(30, table.Rows[2]["ten"]);
    }

    [Theory]
    [InlineData("PSObject", 0)]
    [InlineData("Hashtable", 0)]
    [InlineData("Scalar", 0)]
    [InlineData("DataTable", 1)]
    public void No_rows_give_nothing_but_an_empty_table(string shape, int objects) =>
        Assert.Equal(objects, Shell.Get($"Invoke-CitusQuery 'SELECT 1 AS i WHERE false' -As {shape}").Count);

    [Fact]
    public void NULLs_fit_every_shape()
    {
        Assert.Null(Assert.Single(Shell.Get("Invoke-CitusQuery 'SELECT NULL::int AS i' -As Scalar"))?.BaseObject);
        Assert.Null(((Hashtable)Shell.Run("Invoke-CitusQuery 'SELECT NULL::int AS i' -As Hashtable").Single.BaseObject)["i"]);
        Assert.Equal(DBNull.Value,
            ((DataTable)Shell.Run("Invoke-CitusQuery 'SELECT NULL::int AS i' -As DataTable").Single.BaseObject).Rows[0]["i"]);
    }

    [Fact]
    public void Columns_of_the_same_name_are_kept_apart()
    {
        PSObject row = Shell.Run("Invoke-CitusQuery 'SELECT 1 AS a, 2 AS a, 3 AS \"A\", 4 AS a_2, count(*), "
            + "count(*) FROM generate_series(1, 9)'").Single;

        Assert.Equal(6, row.Properties.Count());
        Assert.Equal([1, 2, 3, 4, 9L, 9L], row.Properties.Select(p => p.Value));
    }

    [Fact]
    public void Several_result_sets_come_one_after_the_other()
    {
        IReadOnlyList<PSObject> rows = Shell.Get("Invoke-CitusQuery 'SELECT 1 AS a; SELECT 2 AS b; SELECT 3 AS b, 4 AS c'");

        Assert.Equal([1, 2, 3], [rows[0].Get("a"), rows[1].Get("b"), rows[2].Get("b")]);
        Assert.Equal(3, Shell.Get("Invoke-CitusQuery 'SELECT 1 AS a; SELECT 2 AS b; SELECT 3 AS c' -As DataTable").Count);
        Assert.Equal([1, 2], Shell.Get("Invoke-CitusQuery 'SELECT 1 AS a; SELECT 2 AS b' -As Scalar").Select(r => r.BaseObject));
    }

    [Fact]
    public void Queries_come_from_the_pipeline_and_from_a_file()
    {
        Shell["path"] = Cluster.File("query.sql", "SELECT 'from file: é' AS s;\n");

        Assert.Equal([1, 2], Shell.Get("'SELECT 1 AS a', 'SELECT 2 AS a' | Invoke-CitusQuery -As Scalar").Select(r => r.BaseObject));
        Assert.Equal("from file: é", Shell.Run("Invoke-CitusQuery -File $path -As Scalar").Single.BaseObject);
        Shell.Run("Invoke-CitusQuery -File ($path + '.none')").Failed("CitusFileNotFound");
    }

    [Fact]
    public void Verbose_says_how_many_rows_were_changed()
    {
        string table = Cluster.Distribute("id bigint, note text", "id");
        Assert.Contains("3 row(s) were inserted",
            Assert.Single(Shell.Run($"Invoke-CitusQuery 'INSERT INTO {table} SELECT i FROM generate_series(1, 3) i' -Verbose")
                .Succeeded().Verbose), StringComparison.Ordinal);
        Assert.Contains("2 row(s) were",
            Assert.Single(Shell.Run($"Invoke-CitusQuery 'UPDATE {table} SET note = id WHERE id > 1' -Verbose").Succeeded().Verbose),
            StringComparison.Ordinal);
        Assert.Empty(Shell.Run($"Invoke-CitusQuery 'SELECT count(*) FROM {table}' -Verbose").Succeeded().Verbose);
    }

    [Fact]
    public void Notices_go_to_verbose()
    {
        RunResult run = Shell.Run("Invoke-CitusQuery \"DO `$`$ BEGIN RAISE NOTICE 'seen %', 42; RAISE WARNING 'beware'; "
            + "END `$`$\" -Verbose").Succeeded();

        Assert.Contains(run.Verbose, v => v.Contains("seen 42", StringComparison.Ordinal));
        Assert.Contains(run.Verbose, v => v.Contains("beware", StringComparison.Ordinal));
    }

    [Fact]
    public void Values_with_no_plain_type_lose_nothing()
    {
        PSObject row = Shell.Run("Invoke-CitusQuery \"SELECT ARRAY[1, NULL, 3] AS a, '10.1.2.3/8'::inet AS net, "
            + "'10.1.2.3'::inet AS host\"").Single;

        Assert.Equal([1, null, 3], (int?[])row.Get("a")!);
        Assert.Equal("10.1.2.3/8", row.Get("net"));
        Assert.Equal(System.Net.IPAddress.Parse("10.1.2.3"), row.Get("host"));
        Shell.Run("Invoke-CitusQuery \"SELECT DATE '0044-03-15 BC' AS ides\"").Failed("CitusValueNotRepresentable");
    }

    [Fact]
    public void Nested_values_are_parameters_of_JSON()
    {
        const string values = "@{ map = [ordered]@{ a = 1; b = 1, @{ c = $null } }; row = [pscustomobject]@{ x = 'é'; y = $true } }";
        PSObject row = Shell.Run($"Invoke-CitusQuery 'SELECT @map::jsonb AS map, @row::json AS row' {values}").Single;

        Assert.Equal("{\"a\": 1, \"b\": [1, {\"c\": null}]}", row.Get("map"));
        Assert.Equal("é", System.Text.Json.JsonDocument.Parse((string)row.Get("row")!).RootElement.GetProperty("x").GetString());
    }

    [Theory]
    [InlineData("Invoke-CitusQuery 'SELECT @usr' @{ user = 5 }", "CitusColumnNotFound", "@usr has no value in -Parameter")]
    [InlineData("Invoke-CitusQuery 'SELECT $1::int' @{ user = 5 }", "CitusInvalidArgument", "Write parameters as @name")]
    public void A_parameter_that_is_not_given_or_is_written_otherwise_is_told_so(string command, string errorId, string advice) =>
        Assert.Contains(advice, Shell.Run(command).Failed(errorId).ErrorDetails.RecommendedAction, StringComparison.Ordinal);

    [Fact]
    public void A_refusal_by_Citus_leads_to_the_plan()
    {
        Cluster.RequireCitus();
        string table = Cluster.Distribute("user_id bigint, n int", "user_id");
        Assert.Contains("Get-CitusQueryPlan",
            Shell.Run($"Invoke-CitusQuery 'SELECT * FROM {table} FOR UPDATE'").Failed("CitusNotSupported").ErrorDetails.RecommendedAction,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_setting_holds_for_one_call_only()
    {
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal("7777ms", Shell.Run("Invoke-CitusQuery 'SHOW statement_timeout' -As Scalar -Setting @{ statement_timeout = 7777 "
                + "}").Single.BaseObject);
            Assert.NotEqual("7777ms", Shell.Run("Invoke-CitusQuery 'SHOW statement_timeout' -As Scalar").Single.BaseObject);
        }
        Assert.Equal("on", Shell.Run(
            "Invoke-CitusQuery 'SHOW enable_seqscan' -As Scalar -Setting @{ enable_seqscan = $true }").Single.BaseObject);
        Assert.Equal("on", Shell.Run("Invoke-CitusQuery 'SHOW citus.enable_repartition_joins' -As Scalar -Setting @{ "
            + "'citus.enable_repartition_joins' = 'on' }").Single.BaseObject);
        Shell.Run("Invoke-CitusQuery 'SELECT 1' -Setting @{ 'no_such_setting' = 1 }").Failed("CitusServerError");
    }

    [Fact]
    public void An_array_with_a_NULL_is_one_of_nullables()
    {
        PSObject row = Shell.Run(
            "Invoke-CitusQuery \"SELECT ARRAY[1, NULL, 3] AS some, ARRAY[1, 2] AS every, ARRAY['a', NULL] AS texts\"").Single;

        Assert.Equal([1, null, 3], (int?[])row.Get("some")!);
        Assert.Equal([1, 2], (int[])row.Get("every")!);
        Assert.Equal(new string?[] { "a", null }, (IEnumerable<string?>)row.Get("texts")!);
    }

    [Fact]
    public void A_number_that_no_type_of_NET_holds_is_told_with_the_cast_that_helps()
    {
        ErrorRecord error = Shell.Run("Invoke-CitusQuery 'SELECT 1 AS a, 1e40::numeric AS \"Big One\"'")
            .Failed("CitusValueNotRepresentable");

        Assert.Contains("'Big One'", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("\"Big One\"::text", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.Equal(1, Shell.Run("Invoke-CitusQuery 'SELECT 1' -As Scalar").Single.BaseObject);
    }

    [Theory]
    [InlineData("SELECT '0044-03-15 BC'::date AS c")]
    [InlineData("SELECT '99999-01-01'::timestamp AS c")]
    [InlineData("SELECT time '24:00' AS c")]
    [InlineData("SELECT interval '1 month' AS c")]
    [InlineData("SELECT 1 AS n; SELECT 'pg_class'::regclass AS c")]
    public void What_no_type_of_NET_holds_is_told_by_its_column(string sql)
    {
        Shell["query"] = sql;
        ErrorRecord error = Shell.Run("Invoke-CitusQuery $query").Failed("CitusValueNotRepresentable");

        Assert.Contains("'c'", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("c::text", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_write_returns_is_readable_whatever_type_it_has()
    {
        string table = Cluster.CreateTable("note text");

        Assert.Equal(table, Shell.Run($"Invoke-CitusQuery \"INSERT INTO {table} VALUES ('x') RETURNING tableoid::regclass AS c\" -As "
            + "Scalar").Single.BaseObject);
        Assert.Equal(["x"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("SELEC 1", "CitusSyntaxError", "42601", ErrorCategory.SyntaxError)]
    [InlineData("SELECT * FROM nowhere", "CitusTableNotFound", "42P01", ErrorCategory.ObjectNotFound)]
    [InlineData("SELECT nothing FROM pg_class", "CitusColumnNotFound", "42703", ErrorCategory.ObjectNotFound)]
    [InlineData("SELECT 1/0", "CitusInvalidValue", "22012", ErrorCategory.InvalidData)]
    public void What_the_server_refuses_is_an_error_with_its_SQLSTATE(string sql, string errorId, string state, ErrorCategory category)
    {
        ErrorRecord error = Shell.Run($"Invoke-CitusQuery '{sql}'").Failed(errorId);

        Assert.Equal(category, error.CategoryInfo.Category);
        Assert.Equal(state, error.Exception.Get("SqlState"));
        Assert.Equal($"caught {errorId}", Shell.Run($"try {{ Invoke-CitusQuery '{sql}' -ErrorAction Stop }} catch {{ 'caught ' + "
            + $"$_.FullyQualifiedErrorId.Split(',')[0] }}").Single.ToString());
    }

    [Fact]
    public void An_error_after_some_rows_comes_after_these_rows()
    {
        RunResult run = Shell.Run("Invoke-CitusQuery 'SELECT 1 / (1000 - i) AS a FROM generate_series(1, 2000) i'");

        run.Failed("CitusInvalidValue");
        Assert.InRange(run.Output.Count, 1, 999);
    }

    [Fact]
    public async Task The_first_object_comes_before_the_last_row_is_read()
    {
        using PowerShell query = Shell.Create("Invoke-CitusQuery \"SELECT i, repeat('x', 20000) AS wide, "
            + "pg_sleep(0.1) FROM generate_series(1, 30) i\"");
        using var output = new PSDataCollection<PSObject>();
        var first = new TaskCompletionSource<TimeSpan>();
        var clock = Stopwatch.StartNew();
        output.DataAdded += (_, _) => first.TrySetResult(clock.Elapsed);

        await query.InvokeAsync<PSObject, PSObject>(null, output);

        Assert.Equal(30, output.Count);
        Assert.True(await first.Task < clock.Elapsed / 2, $"first object after {await first.Task} of {clock.Elapsed}");
    }

    [Fact]
    public void A_pipeline_that_has_had_enough_does_not_read_the_rest()
    {
        var clock = Stopwatch.StartNew();

        RunResult run = Shell.Run("""
            $seen = 0
            foreach ($once in 1) { Invoke-CitusQuery "SELECT generate_series(1, 20000000) AS i, repeat('x', 1000) AS wide" | ForEach-Object { $seen++; break } }
            "seen $seen"
            """);

        Assert.Equal("seen 1", run.Single.ToString());
        Assert.True(clock.Elapsed < Seconds, $"it took {clock.Elapsed}");
        Idle("repeat");
    }

    [Fact]
    public async Task Stop_cancels_on_the_server()
    {
        using PowerShell query = Shell.Create("Invoke-CitusQuery 'SELECT pg_sleep(61)'");
        Task<PSDataCollection<PSObject>> running = query.InvokeAsync();
        for (var wait = Stopwatch.StartNew(); Busy("pg_sleep(61)") == 0 && wait.Elapsed < Seconds;) await Task.Delay(20);

        var clock = Stopwatch.StartNew();
        query.Stop();

        Assert.True(clock.Elapsed < Seconds, $"it took {clock.Elapsed}");
        await Assert.ThrowsAsync<PipelineStoppedException>(() => running);
        Idle("pg_sleep(61)");
    }

    [Fact]
    public void A_timeout_ends_the_statement_and_is_an_error()
    {
        ErrorRecord error = Shell.Run("Invoke-CitusQuery 'SELECT pg_sleep(62)' -Timeout 1").Failed("CitusTimeout");

        Assert.Equal(ErrorCategory.OperationTimeout, error.CategoryInfo.Category);
        Idle("pg_sleep(62)");
    }

    private void Idle(string part) => Assert.True(SpinWait.SpinUntil(() => Busy(part) == 0, Seconds), $"the server still works on {part}");

    private long Busy(string part) =>
        (long)Cluster.Scalar("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND "
            + $"strpos(query, '{part}') > 0")!;
}
