using System.Management.Automation;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest;

/// <summary>Objects from the pipeline as rows.</summary>
public sealed class AddRowTests(ClusterFixture cluster, ITestOutputHelper log) : ClusterTest(cluster)
{
    [Theory]
    [InlineData("smallint")]
    [InlineData("integer")]
    [InlineData("bigint")]
    [InlineData("text")]
    [InlineData("character varying(20)")]
    [InlineData("character(14)")]
    [InlineData("bytea")]
    [InlineData("uuid")]
    [InlineData("date")]
    [InlineData("timestamp")]
    [InlineData("timestamp(3)")]
    [InlineData("timestamptz")]
    [InlineData("timestamptz(0)")]
    [InlineData("boolean")]
    [InlineData("real")]
    [InlineData("double precision")]
    [InlineData("numeric")]
    [InlineData("numeric(40,2)")]
    public void Texts_land_as_PostgreSQLs_own_input_reads_them(string type)
    {
        string table = Cluster.Distribute($"id bigint, v {type}", "id"), read = Cluster.Distribute($"id bigint, v {type}", "id");
        Shell["values"] = new Shards.RandomValues(FaultCluster.Chance(log)).Of(type, 200);

        // Batches of few rows, so that some are plain all through and go in binary, and others are not.
        RunResult added = Shell.Run($"$id = 0; $values | ForEach-Object {{ [pscustomobject]@{{ id = $script:id++; "
            + $"v = $_ }} }} | Add-CitusRow {table} -BatchSize 3");

        using (NpgsqlConnection session = Cluster.Database.OpenConnection())
        {
            using NpgsqlCommand insert = new($"INSERT INTO {read} SELECT i - 1, nullif(v, $2)::{type} FROM unnest($1) WITH ORDINALITY u "
                + "(v, i)", session);
            insert.Parameters.Add(new() { Value = Shell["values"] });
            insert.Parameters.Add(new()
                { Value = type.StartsWith("char", StringComparison.Ordinal) || type == "text" ? "no value is this" : "" });
            insert.ExecuteNonQuery();
        }
        Assert.Equal((200L, 0L), (added.Single.Get("Rows"), added.Single.Get("Rejected")));
        Assert.Equal(Cluster.Rows(read), Cluster.Rows(table));
    }

    [Fact]
    public void The_time_limits_of_a_role_end_no_load()
    {
        Cluster.RequireSandbox();
        var settings = new NpgsqlConnectionStringBuilder(Cluster.ConnectionString) { Username = Cluster.NewName("hurried") };
        string table = Cluster.Distribute("id bigint CHECK (id <> 2 OR pg_sleep(1)::text IS NOT NULL)", "id"), role = settings.Username;
        Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD '{File.ReadAllText(settings.Passfile!).Trim().Split(':')[^1]}'; "
            + $"ALTER ROLE {role} SET statement_timeout = '300ms'; GRANT SELECT, INSERT ON {table} TO {role}");
        Cluster.AtEnd($"DROP OWNED BY {role}; DROP ROLE {role}");
        Shell["text"] = settings.ConnectionString;

        RunResult added = Shell.Run("$null = Connect-CitusCluster -ConnectionString $text -Name hurried; try { "
            + $"1..3 | ForEach-Object {{ @{{ id = $_ }} }} | Add-CitusRow {table} -Connection hurried }} finally {{ "
            + "Disconnect-CitusCluster hurried }");

        Assert.Empty(added.Succeeded().Warnings);
        Assert.Equal((3L, 3L), (added.Single.Get("Rows"), Cluster.Count(table)));
    }

    [Fact]
    public void Objects_become_rows_by_property_name()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric, note text, details jsonb, at timestamptz, tags text[], "
            + "ok boolean", "user_id");

        PSObject result = Shell.Run($$"""
            [pscustomobject]@{ OK = $true; user_id = 1; amount = 1.5; note = 'a "b", c'; details = @{ n = 1 }; at = [DateTime]::new(2024, 1, 2, 3, 4, 5, [DateTimeKind]::Utc); tags = 'x', 'y"z' },
            [pscustomobject]@{ OK = ''; user_id = '2'; amount = '2.50'; note = ''; details = '{"k": [1, "v"]}'; at = '2024-01-02 00:00:00+00'; tags = $null } | Add-CitusRow {{table}}
            """).Single;

        Assert.Equal((2L, 0L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(
            ["1\t1.5\ta \"b\", c\t{\"n\": 1}\t2024-01-02 03:04:05+00\t{x,\"y\\\\\"z\"}\tt",
                "2\t2.50\t\t{\"k\": [1, \"v\"]}\t2024-01-02 00:00:00+00\t\\N\t\\N"],
            Cluster.Rows(table, "user_id, amount, note, details, at AT TIME ZONE 'UTC' || '+00', tags, ok"));
    }

    [Fact]
    public void Rows_that_are_there_already_are_left_out_or_updated()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric, note text DEFAULT 'none', PRIMARY KEY (user_id)", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 1, 'old')");

        PSObject skipped = Shell.Run($"@{{ user_id = 1; amount = 9 }}, @{{ user_id = 2; amount = 2 }}, @{{ user_id = 2; "
            + $"amount = 3 }} | Add-CitusRow {table} -OnConflict Skip").Single;
        Assert.Equal((1L, 2L), (skipped.Get("Rows"), skipped.Get("Conflicts")));
        Assert.Equal(["1\t1\told", "2\t2\tnone"], Cluster.Rows(table));

        RunResult updated = Shell.Run($"@{{ user_id = 1; amount = 9 }}, @{{ user_id = 3; amount = 'x' }}, @{{ user_id = 2; "
            + $"amount = 7 }}, @{{ user_id = 2; amount = 8 }} | Add-CitusRow {table} -OnConflict Update");
        Assert.Equal(2L, Assert.Single(updated.Errors).Exception.Get("Row")!.Get("Line"));
        Assert.Equal((2L, 1L, 1L), (updated.Output[0].Get("Rows"), updated.Output[0].Get("Conflicts"), updated.Output[0].Get("Rejected")));
        Assert.Equal(["1\t9\told", "2\t8\tnone"], Cluster.Rows(table));
    }

    [Fact]
    public void First_refused_row_ends_the_load_where_it_is_asked_for()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric, PRIMARY KEY (user_id)", "user_id");
        ErrorRecord error = Shell.Run($"1..7 | ForEach-Object {{ @{{ user_id = $_; amount = if ($_ -eq 5) {{ 'x' }} else {{ $_ }} }} }} "
            + $"| Add-CitusRow {table} -OnError Stop -BatchSize 3").Failed("CitusRowRefused");
        Assert.Contains("Row 5, column amount", error.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("3 rows before its batch are loaded", error.Exception.Message, StringComparison.Ordinal);
        Assert.Equal(["1\t1", "2\t2", "3\t3"], Cluster.Rows(table));
    }

    [Fact]
    public void A_batch_whose_commit_is_refused_is_rolled_back_and_the_error_says_what_is_loaded()
    {
        string table = Cluster.CreateTable("id bigint, n int UNIQUE DEFERRABLE INITIALLY DEFERRED");
        Shell["rows"] = new[] { 1, 2, 3, 3 }.Select((n, i) => PSObject.AsPSObject(new { id = i, n })).ToArray();

        string message = Shell.Run($"$rows | Add-CitusRow {table} -BatchSize 2").Failed("CitusConstraintViolation").Exception.Message;

        Assert.StartsWith("The load ended at row 3: 2 rows before it are loaded, and row 3 and those after it are not.", message,
            StringComparison.Ordinal);
        Assert.Contains("Send the rows again from row 3 on.", message, StringComparison.Ordinal);
        Assert.Equal(2, Cluster.Count(table));
    }

    [Fact]
    public void Refused_rows_are_errors_with_their_number_and_the_others_go_in()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric, PRIMARY KEY (user_id)", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (7, 0)");

        RunResult result = Shell.Run($$"""
            @{ user_id = 1; amount = 1 }, @{ user_id = $null; amount = 2 }, @{ user_id = 3; amount = 'abc' }, @{ user_id = 7; amount = 4 }, @{ user_id = 5; amount = 5 } | Add-CitusRow {{table}}
            """);

        Assert.Equal(["CitusRowRefused", "CitusRowRefused", "CitusRowRefused"],
            result.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Equal([2L, 3L, 4L], result.Errors.Select(e => e.Exception.Get("Row")!.Get("Line")));
        Assert.Equal((2L, 3L), (Assert.Single(result.Output).Get("Rows"), result.Output[0].Get("Rejected")));
        Assert.Equal(["1\t1", "5\t5", "7\t0"], Cluster.Rows(table));
    }

    [Fact]
    public void A_batch_of_refused_rows_alone_is_refused_row_by_row()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric, PRIMARY KEY (user_id)", "user_id");

        RunResult result = Shell.Run($"@{{ user_id = 1; amount = 'abc' }}, @{{ user_id = 2; amount = 'x' }} | Add-CitusRow {table}");

        Assert.Equal(["CitusRowRefused", "CitusRowRefused"], result.Errors.Select(e => e.FullyQualifiedErrorId.Split(',')[0]));
        Assert.Equal((0L, 2L), (Assert.Single(result.Output).Get("Rows"), result.Output[0].Get("Rejected")));
    }

    [Fact]
    public void Time_spans_keep_their_days_sign_and_fractions()
    {
        string table = Cluster.Distribute("user_id bigint, span interval, at time", "user_id");

        Shell.Run($$"""
            @{ user_id = 1; span = [timespan]'1.02:03:04.5'; at = [timespan]'13:05:06.25' }, @{ user_id = 2; span = [timespan]'-1.02:03:04.5' },
            @{ user_id = 3; span = [timespan]'-00:00:00.5' }, @{ user_id = 4; span = [timespan]'2.00:00:00' } | Add-CitusRow {{table}}
            """);

        Assert.Equal(["1\t1 day 02:03:04.5\t13:05:06.25", "2\t-1 days -02:03:04.5\t\\N", "3\t-00:00:00.5\t\\N", "4\t2 days\t\\N"],
            Cluster.Rows(table));
    }

    [Fact]
    public async Task Row_of_a_slow_stream_is_visible_within_the_interval()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric", "user_id");
        using PowerShell stream = Shell.Create($"$input | Add-CitusRow {table} -FlushInterval 0:0:0.2");
        using var rows = new PSDataCollection<PSObject>();
        Task<PSDataCollection<PSObject>> running = Task.Factory.FromAsync(stream.BeginInvoke(rows), stream.EndInvoke);
        rows.Add(new PSObject(new System.Collections.Hashtable { ["user_id"] = 1, ["amount"] = 2 }));

        for (int wait = 0; Cluster.Count(table) == 0 && wait < 600; wait++) await Task.Delay(50, TestContext.Current.CancellationToken);
        Assert.Equal(["1\t2"], Cluster.Rows(table));
        Assert.False(running.IsCompleted);
        rows.Complete();
        Assert.Equal(1L, Assert.Single(await running).Get("Rows"));
    }

    public static TheoryData<string, object[]> Values => new()
    {
        { "interval", [TimeSpan.FromMilliseconds(500), -new TimeSpan(1, 2, 3, 4, 567), TimeSpan.FromMinutes(-3), new TimeSpan(40, 0, 0, 0),
            TimeSpan.Zero] },
        { "time", [new TimeSpan(0, 23, 59, 59, 999), new TimeOnly(1, 2, 3, 4, 5)] },
        { "timestamp", [new DateTime(2026, 3, 4, 5, 6, 7, 8, 9)] },
        { "timestamptz", [new DateTime(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc), new DateTimeOffset(1999, 3, 4, 5, 6, 7, TimeSpan.Zero)] },
        { "date", [new DateOnly(2026, 2, 28)] },
        { "numeric", [79228162514264337593543950335m, -0.0000000000000000000000000001m, 0m, 1.50m, System.Numerics.BigInteger.Pow(7, 60)] },
        { "double precision", [double.MaxValue, double.Epsilon, -0.0, double.NaN, double.NegativeInfinity, 0.1] },
        { "real", [float.MaxValue, float.Epsilon, 0.1f, float.PositiveInfinity] },
        { "bigint", [long.MinValue, 5, (short)6] },
        { "uuid", [Guid.Empty, new Guid("00112233-4455-6677-8899-aabbccddeeff")] },
        { "bytea", [new byte[] { 0, 1, 255, 34, 92 }, Array.Empty<byte>()] },
        { "boolean", [true, false] },
        { "inet", [System.Net.IPAddress.IPv6Loopback, System.Net.IPAddress.Parse("10.1.2.3")] },
        { "text[]", [new[] { "a", "b,c", "\"q\" \\ {}", "", "NULL" }, Array.Empty<string>()] },
        { "int[]", [new[] { 1, -2, int.MaxValue }] },
        { "timestamptz[]", [new[] { new DateTime(2026, 3, 4, 5, 6, 7, DateTimeKind.Utc) }] },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void Values_of_NETs_own_types_land_as_Npgsql_itself_would_write_them(string type, object[] values)
    {
        string table = Cluster.Distribute($"id bigint, v {type}", "id"), expected = Cluster.CreateTable($"id bigint, v {type}");
        using (NpgsqlConnection session = Cluster.Database.OpenConnection())
        {
            for (int i = 0; i < values.Length; i++)
            {
                using var insert = new NpgsqlCommand($"INSERT INTO {expected} VALUES ($1, $2)", session)
                    { Parameters = { new() { Value = (long)i }, new() { Value = values[i] } } };
                insert.ExecuteNonQuery();
            }
        }
        Shell["values"] = values;
        Shell.Run($"$id = 0; foreach ($v in $values) {{ @{{ id = $id++; v = $v }} | Add-CitusRow {table} -BatchSize 1 }}").Succeeded();

        Assert.Equal(Cluster.Rows(expected), Cluster.Rows(table));
    }

    [Fact]
    public void Nested_values_become_JSON_in_text_columns_too()
    {
        string table = Cluster.Distribute("id bigint, v text, w jsonb", "id");

        Shell.Run($"$nested = @{{ a = @(1, @{{ b = $null }}) }}; @{{ id = 1; v = $nested; w = $nested }}, @{{ id = 2; v = @('x', 'y'); "
            + $"w = 'null' }} | Add-CitusRow {table}").Succeeded();

        Assert.Equal(["1\t{\"a\":[1,{\"b\":null}]}\t{\"a\": [1, {\"b\": null}]}", "2\t[\"x\",\"y\"]\tnull"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("$rows | Add-CitusRow")]
    [InlineData("Add-CitusRow -InputObject $rows")]
    public void Rows_of_a_DataTable_and_of_an_IDataReader_land(string load)
    {
        string table = Cluster.Distribute("user_id bigint, note text, at timestamptz", "user_id");
        using var rows = new System.Data.DataTable();
        rows.Columns.Add("user_id", typeof(long));
        rows.Columns.Add("note", typeof(string));
        rows.Columns.Add("at", typeof(DateTimeOffset));
        rows.Rows.Add(1L, "a", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        rows.Rows.Add(2L, DBNull.Value, DBNull.Value);
        Shell["rows"] = rows;
        Assert.Equal(2L, Shell.Run($"{load} -Table {table}").Single.Get("Rows"));
        Shell["rows"] = rows.CreateDataReader();
        Assert.Equal(2L, Shell.Run($"{load} -Table {table}").Single.Get("Rows"));

        string[] expected = ["1\ta\t2026-01-02 03:04:05", "2\t\\N\t\\N"];
        Assert.Equal([expected[0], expected[0], expected[1], expected[1]], Cluster.Rows(table, "user_id, note, at AT TIME ZONE 'UTC'"));
    }

    [Fact]
    public void Unknown_property_is_refused_before_anything_is_sent()
    {
        string table = Cluster.Distribute("user_id bigint, amount numeric", "user_id");
        Shell.Run($"@{{ user_id = 1; amuont = 2 }} | Add-CitusRow {table}").Failed("CitusUnknownColumn");
        Shell.Run($"@{{ amount = 2 }} | Add-CitusRow {table}").Failed("CitusDistributionColumnMissing");
        Assert.Equal(0, Cluster.Count(table));
    }

    [Fact]
    public void An_empty_text_is_a_value_of_a_text_distribution_column()
    {
        string table = Cluster.Distribute("code text, n int", "code");
        RunResult result = Shell.Run($"@{{ code = ''; n = 1 }}, @{{ code = $null; n = 2 }}, @{{ code = 'c'; "
            + $"n = 3 }} | Add-CitusRow {table}");
        Assert.Equal((2L, 1L), (result.Output.Single().Get("Rows"), result.Output.Single().Get("Rejected")));
        Assert.Equal(["\t1", "c\t3"], Cluster.Rows(table));
    }
}
