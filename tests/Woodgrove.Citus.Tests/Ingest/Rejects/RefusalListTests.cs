using System.Globalization;
using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest.Rejects;

/// <summary>
/// One list of rows that servers refuse for forty reasons, each among good rows: by each way in every one of them is
/// rejected with its line, its column where there is one, and its reason, and all good rows are loaded.
/// </summary>
public sealed class RefusalListTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Wide = """
        id bigint, user_id bigint, c_int int CHECK (c_int < 1000), c_small smallint, c_num numeric(4,2), c_real real, c_float float8, c_bool boolean, c_date date, c_time time,
        c_stamp timestamp, c_tz timestamptz, c_span interval, c_uuid uuid, c_inet inet, c_cidr cidr, c_mac macaddr, c_bit bit(3), c_varbit varbit(3), c_json json, c_jsonb jsonb,
        c_array int[], c_varchar varchar(3), c_char char(3), c_bytea bytea, c_range int4range, c_point point, c_money money, c_oid oid, c_vector tsvector, c_enum {0}_mood, c_domain {0}_positive,
        c_raise int CHECK ({0}_checked(c_raise)), c_unique int NOT NULL, c_exclude int, c_ref int, c_needed int NOT NULL, c_long text,
        g_double smallint GENERATED ALWAYS AS (c_small * 2) STORED, g_part int GENERATED ALWAYS AS (10 / nullif(c_int, 7) / (c_int - 8)) STORED
        """;

    /// <summary>The column that is bad, its text in the file, the SQLSTATE, and whether a load names the column.</summary>
    private static readonly (string Column, string Text, string State, bool IsNamed)[] Bad =
    [
        ("c_int", "abc", "22P02", true), ("c_int", "2147483648", "22003", true), ("c_int", "1000", "23514", false),
        ("c_int", "8", "22012", false),
        ("c_small", "40000", "22003", true), ("c_small", "20000", "22003", false), ("c_num", "100", "22003", true),
        ("c_num", "1,5x", "22P02", true),
        ("c_real", "1e39", "22003", true), ("c_float", "1e400", "22003", true), ("c_bool", "maybe", "22P02", true),
        ("c_date", "2024-02-30", "22008", true),
        ("c_date", "soon", "22007", true), ("c_time", "25:00", "22008", true), ("c_stamp", "294277-01-01", "22008", true),
        ("c_tz", "2024-01-01 00:00+99", "22009", true),
        ("c_span", "one year", "22007", true), ("c_uuid", "not-a-uuid", "22P02", true), ("c_inet", "256.1.1.1", "22P02", true),
        ("c_cidr", "10.1.2.3/8", "22P02", true),
        ("c_mac", "xx", "22P02", true), ("c_bit", "1011", "22026", true), ("c_varbit", "1011", "22001", true),
        ("c_json", "{a}", "22P02", true),
        ("c_jsonb", "{\"a\":\"\\u0000\"}", "22P05", true), ("c_array", "{1,2", "22P02", true), ("c_array", "{1,x}", "22P02", true),
        ("c_varchar", "abcd", "22001", true),
        ("c_char", "abcd", "22001", true), ("c_bytea", "\\xZZ", "22023", true), ("c_range", "[5,1]", "22000", true),
        ("c_point", "(1", "22P02", true), ("c_money", "much", "22P02", true),
        ("c_oid", "-x", "22P02", true), ("c_vector", "'a", "42601", true), ("c_enum", "angry", "22P02", true),
        ("c_domain", "-1", "23514", false), ("c_raise", "13", "P0001", false),
        ("c_unique", "1", "23505", false), ("c_exclude", "1", "23P01", false), ("c_ref", "99", "23503", false),
        ("c_needed", "", "23502", true), ("user_id", "", "22004", true),
        ("c_long", "(long)", "54000", false),
    ];

    public static TheoryData<string> Ways =>
    [
        "Import-CsvToCitus $file {0} -OnError Skip -Route Coordinator",
        "Import-CsvToCitus $file {0} -OnError Skip -Route Coordinator -Checkpoint 20",
        "Import-CsvToCitus $file {0} -OnError Skip -Route Shard", "Import-CsvToCitus $file {0} -OnError Skip -Route Shard -Checkpoint 20",
        "Import-CsvToCitus $file {0} -OnError Skip -OnConflict Update -KeyColumn user_id, id",
        "Import-CsvToCitus $file {0} -OnError Skip -OnConflict Skip -KeyColumn user_id, id -Checkpoint 20",
        "$rows | Add-CitusRow {0}", "$rows | Add-CitusRow {0} -OnConflict Update -KeyColumn user_id, id",
    ];

    [Theory]
    [MemberData(nameof(Ways))]
    public void Each_row_is_rejected_for_its_reason_and_the_good_ones_are_loaded(string way)
    {
        Cluster.RequireCitus();
        string table = CreateWide();
        (string Column, string Text, string State, bool IsNamed)[] bad = [.. Bad.Where(b => b.State != "42601")];
        string[] names = [.. Wide.Split(',', '\n').Select(c => c.Trim().Split(' ')[0])
            .Where(c => c.StartsWith("c_", StringComparison.Ordinal) || c is "id" or "user_id")];
        var records = new List<Dictionary<string, string>>();
        foreach ((string column, string text, _, _) in bad)
        {
            records.Add(new() { ["id"] = Number(records.Count), ["user_id"] = "5", ["c_unique"] = Number(1000 + records.Count),
                ["c_needed"] = "1" });
            records.Add(new(records[^1]) { ["id"] = Number(records.Count), ["c_unique"] = Number(1000 + records.Count),
                [column] = text == "(long)" ? Long() : text });
        }
        Write(names, records);

        RunResult result = Shell.Run(string.Format(CultureInfo.InvariantCulture, way, table));

        bool isAdd = way.Contains("Add-CitusRow", StringComparison.Ordinal);
        (long Line, string? Column, string? State, string Reason)[] rejected = [.. isAdd
            ? result.Errors.Select(e => Rejected(e.Exception.Get("Row")!)).OrderBy(r => r.Item1)
            : ((IEnumerable<object>)result.Single.Get("Rejects")!).Select(Rejected)];
        // Row 2 of each pair: of objects by its number, of a file by its line below the header.
        string Told(int i, string? column) => $"{(i * 2) + (isAdd ? 2 : 3)} {bad[i].State} {(bad[i].IsNamed ? column : "")}".TrimEnd();
        Assert.Equal(bad.Select((b, i) => Told(i, b.Column) + " of " + b.Column),
            rejected.Select(r => ((int)(r.Line - (isAdd ? 2 : 3)) / 2) is var i && i >= 0 && i < bad.Length
                ? $"{r.Line} {r.State} {(bad[i].IsNamed ? r.Column : "")}".TrimEnd() + " of " + bad[i].Column : $"{r.Line} {r.State}"));
        Assert.All(rejected, r => Assert.DoesNotMatch(@"_1\d{5}\b|woodgrove", r.Reason));
        Assert.Equal(bad.Length + 1L, Cluster.Count(table));
        Assert.Equal((long)bad.Length, Cluster.Scalar($"SELECT count(*) FROM {table} WHERE id % 2 = 0 AND id >= 0"));
        Assert.Empty(result.Warnings);
    }

    /// <summary>What only a worker, or a trigger, refuses: no route around the coordinator runs triggers.</summary>
    [Theory]
    [InlineData("Import-CsvToCitus $file {0} -OnError Skip", "trigger", "P0001")]
    [InlineData("Import-CsvToCitus $file {0} -OnError Skip -Checkpoint 2", "trigger", "P0001")]
    [InlineData("Import-CsvToCitus $file {0} -OnError Skip -OnConflict Skip", "trigger", "P0001")]
    [InlineData("$rows | Add-CitusRow {0}", "trigger", "P0001")]
    [InlineData("Import-CsvToCitus $file {0} -OnError Skip -Route Coordinator", "partition", "23514")]
    [InlineData("Import-CsvToCitus $file {0} -OnError Skip -Route Shard", "partition", "23514")]
    [InlineData("Import-CsvToCitus $file {0} -OnError Skip -OnConflict Update", "partition", "23514")]
    [InlineData("$rows | Add-CitusRow {0}", "partition", "23514")]
    [InlineData("$rows | Add-CitusRow {0} -OnConflict Skip", "partition", "23514")]
    public void Rows_that_a_trigger_or_a_missing_partition_refuses_are_rejected(string way, string what, string state)
    {
        Cluster.RequireCitus();
        string table = what == "trigger" ? CreateTriggered() : CreatePartitioned();
        var records = Enumerable.Range(1, 8)
            .Select(i => new Dictionary<string, string> { ["id"] = Number(i), ["n"] = i is 3 or 6 ? "13" : "1" }).ToList();
        Write(["id", "n"], records);

        RunResult result = Shell.Run(string.Format(CultureInfo.InvariantCulture, way, table));

        bool isAdd = way.Contains("Add-CitusRow", StringComparison.Ordinal);
        var rejected = (isAdd ? result.Errors.Select(e => Rejected(e.Exception.Get("Row")!))
            : ((IEnumerable<object>)result.Single.Get("Rejects")!).Select(Rejected)).ToArray();
        Assert.Equal(isAdd ? [(3L, state), (6L, state)] : [(4L, state), (7L, state)], rejected.Select(r => (r.Item1, r.Item3!)));
        Assert.Equal(6L, Cluster.Count(table));
        if (!isAdd) Assert.Equal((6L, 2L), (result.Single.Get("Rows"), result.Single.Get("Rejected")));
    }

    private static (long, string?, string?, string) Rejected(object row) =>
        ((long)row.Get("Line")!, (string?)row.Get("Column"), (string?)row.Get("SqlState"), (string)row.Get("Reason")!);

    private void Write(string[] names, List<Dictionary<string, string>> records)
    {
        var csv = new StringBuilder().AppendJoin(',', names).Append('\n');
        foreach (Dictionary<string, string> record in records)
            csv.AppendJoin(',', names.Select(n => record.TryGetValue(n, out string? v) && v.Length > 0
                ? $"\"{v.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : "")).Append('\n');
        Shell["file"] = Cluster.File(Cluster.NewName("refusals") + ".csv", csv.ToString());
        Shell["rows"] = records.Select(r =>
        {
            var row = new PSObject();
            foreach (string name in names) row.Properties.Add(new PSNoteProperty(name, r.GetValueOrDefault(name)));
            return row;
        }).ToArray();
    }

    private string CreateWide()
    {
        string table = Cluster.NewName();
        Cluster.Execute($"""
            CREATE TYPE {table}_mood AS ENUM ('happy', 'sad');
            CREATE DOMAIN {table}_positive AS int CHECK (VALUE > 0);
            CREATE FUNCTION {table}_checked(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN IF n = 13 THEN RAISE 'thirteen is not taken'; END IF; RETURN true; END $$;
            CREATE TABLE {table}_ref (id int PRIMARY KEY)
            """);
        Cluster.Execute($"SELECT create_reference_table('{table}_ref')");
        Cluster.CreateTable(string.Format(CultureInfo.InvariantCulture, Wide, table)
            + ", UNIQUE (user_id, id), UNIQUE (user_id, c_unique), EXCLUDE USING btree (user_id WITH =, c_exclude WITH =)", table);
        Cluster.Execute($"CREATE INDEX ON {table} (c_long)");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'user_id', shard_count := 4, colocate_with := 'none')");
        Cluster.Execute($"ALTER TABLE {table} ADD CONSTRAINT {table}_to_ref FOREIGN KEY (c_ref) REFERENCES {table}_ref (id)");
        Cluster.Execute($"INSERT INTO {table} (id, user_id, c_unique, c_exclude, c_needed) VALUES (-1, 5, 1, 1, 1)");
        return table;
    }

    private string CreateTriggered()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY, n int", "id");
        Cluster.Execute($"""
            CREATE FUNCTION {table}_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = 13 THEN RAISE 'thirteen is not taken'; END IF; RETURN NEW; END $$;
            """);
        Cluster.Execute($"SET citus.enable_unsafe_triggers = on; CREATE TRIGGER refuses BEFORE INSERT ON {table} FOR EACH ROW EXECUTE "
            + $"FUNCTION {table}_trigger()");
        return table;
    }

    private string CreatePartitioned()
    {
        string table = Cluster.CreateTable("id bigint, n int, PRIMARY KEY (id, n)) PARTITION BY LIST (n");
        Cluster.Execute($"CREATE TABLE {table}_1 PARTITION OF {table} FOR VALUES IN (1)");
        Cluster.Execute($"SELECT create_distributed_table('{table}', 'id', shard_count := 4, colocate_with := 'none')");
        return table;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A text that does not compress, of the same digits every time.</summary>
    private static string Long()
    {
        var random = new Random(40);
        return string.Create(12_000, random, (text, r) => { for (int i = 0; i < text.Length; i++) text[i] = (char)r.Next('0', 'z'); });
    }
}
