using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Ingest.Rejects;

/// <summary>Refused rows are rejected, and written as they were with the reason.</summary>
public sealed class RejectTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    private const string Csv = """"
        id,user_id,note
        1,1,good
        x,1,no number
        2,,no user
        3,2,"two
        lines"
        4,2
        5,3,bad word
        6,3,"last, ""good"""

        """";

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Refused_rows_are_rejected_and_load_once_fixed(string route)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text CHECK (note <> 'bad word'), PRIMARY KEY (id, user_id)",
            "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (3, 2, 'there already')");
        Cluster.Execute($"DELETE FROM {table}");
        Shell["path"] = Cluster.File("mixed.csv", Csv.Replace("\r\n", "\n", StringComparison.Ordinal));
        Shell["rejects"] = Path.Combine(Cluster.Folder, "rejects.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((3L, 4L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(["1\t1\tgood", "3\t2\ttwo\\nlines", "6\t3\tlast, \"good\""], Cluster.Rows(table));
        Assert.Equal("id,user_id,note\nx,1,no number\n2,,no user\n4,2\n5,3,bad word\n",
            File.ReadAllText(Path.Combine(Cluster.Folder, "rejects.csv")));
        string[] errors = File.ReadAllLines(Path.Combine(Cluster.Folder, "rejects.errors.csv"));
        Assert.Equal("line,column,sqlstate,message", errors[0]);
        Assert.Equal(["3,id,22P02", "4,user_id", "7,", "8,"], errors.Skip(1).Select((e, i) => e[..new[] { 10, 9, 2, 2 }[i]]));
        Assert.Contains("22P04", errors[3], StringComparison.Ordinal);
        Assert.Contains("23514", errors[4], StringComparison.Ordinal);
        Assert.Equal(["x", "", null, null], ((IEnumerable<object>)result.Get("Rejects")!).Select(r => r.Get("Value")));

        File.WriteAllText(Path.Combine(Cluster.Folder, "rejects.csv"), "id,user_id,note\n7,1,no number\n2,4,no user\n4,2,more\n5,3,word\n");
        Assert.Equal(4L, Shell.Run($"Import-CsvToCitus $rejects {table}").Single.Get("Rows"));
        Assert.Equal(7, Cluster.Count(table));
    }

    /// <summary>A converted value is shown as the file has it, not as the server was sent it.</summary>
    [Theory]
    [InlineData("Coordinator")]
    [InlineData("Shard")]
    public void A_rejected_rows_value_is_the_files(string route)
    {
        string table = Cluster.Distribute("id bigint, amount numeric(4,2), note text", "id");
        Shell["path"] = Cluster.File("values.csv", "note;id;amount\na;1;1,5\nb;2;1.234,56\nc;x;1\n");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Delimiter ';' -Culture de-DE -Route {route} -OnError Skip").Single;

        Assert.Equal(["1.234,56", "x"], ((IEnumerable<object>)result.Get("Rejects")!).Select(r => r.Get("Value")));
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Rows_that_clash_with_other_rows_are_rejected(string route)
    {
        string users = Cluster.Distribute("user_id bigint PRIMARY KEY", "user_id");
        string table = Cluster.Distribute("id bigint, user_id bigint, at date CHECK (at > '2000-01-01'), PRIMARY KEY (id, user_id)",
            "user_id", colocateWith: users);
        Cluster.Execute($"ALTER TABLE {table} ADD CONSTRAINT known_user FOREIGN KEY (user_id) REFERENCES {users}");
        Cluster.Execute($"INSERT INTO {users} SELECT generate_series(1, 50)");
        Cluster.Execute($"INSERT INTO {table} VALUES (7, 7, '2024-01-01'), (9, 9, '2024-01-01')");
        Shell["path"] = Cluster.File("clashes.csv",
            "id,user_id,at\n1,1,2024-01-01\n07,7,2024-01-01\n2,99,2024-01-01\n3,3,2024-01-01\n3,3,2024-01-02\n4,4,1999-01-01\n5,5,soon\n6,6,2024-01-01\n");
        Shell["rejects"] = Path.Combine(Cluster.Folder, "clashes.rejects.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((3L, 5L, route), (result.Get("Rows"), result.Get("Rejected"), result.Get("Route")!.ToString()));
        Assert.Equal(["1\t1\t2024-01-01", "3\t3\t2024-01-01", "6\t6\t2024-01-01", "7\t7\t2024-01-01", "9\t9\t2024-01-01"],
            Cluster.Rows(table));
        Assert.Equal("id,user_id,at\n07,7,2024-01-01\n2,99,2024-01-01\n3,3,2024-01-02\n4,4,1999-01-01\n5,5,soon\n",
            File.ReadAllText(Path.Combine(Cluster.Folder, "clashes.rejects.csv")));
        string[] errors = File.ReadAllLines(Path.Combine(Cluster.Folder, "clashes.rejects.errors.csv"))[1..];
        Assert.Equal(["3", "4", "6", "7", "8"], errors.Select(e => e.Split(',')[0]));
        Assert.Equal(["23505", "23503", "23505", "23514", "22007"], errors.Select(e => e.Split(',')[2]));
        Assert.Contains("(id, user_id)=(7, 7)", errors[0], StringComparison.Ordinal);
        Assert.Contains("known_user", errors[1], StringComparison.Ordinal);
        // The row as the server shows it would have columns of ours.
        if (route == "Coordinator") Assert.DoesNotContain("Failing row", errors[3], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Refused_rows_all_over_a_long_file_are_rejected(string route)
    {
        const int Rows = 24_000; // of 1 kB each: the coordinator route takes them in several stretches
        var random = new Random(20261122);
        string table = Cluster.Distribute("id bigint, user_id bigint, amount numeric(6,2), note text, PRIMARY KEY (id, user_id)",
            "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (100, 100, 0, 'there')");
        string note = new('n', 1000);
        var csv = new System.Text.StringBuilder("id,user_id,amount,note\n");
        (var bad, var good) = (new List<string>(), new List<string>());
        for (int i = 1; i <= Rows; i++)
        {
            // In the first part all kinds of bad rows, in the middle none, at the end one.
            int kind = i is > 8_000 and not (Rows - 5) ? 9 : i == Rows - 5 ? 0 : random.Next(200);
            string record = kind switch
            {
                0 => $"{i},{i},99999,{note}", // too large: no look at it tells
                1 => $"{i},x,1,{note}",
                2 => $"{i},{i},1",
                3 => $"100,100,1,{note}",
                4 when i > 5_000 => $"{i - 5_000},{i - 5_000},1,{note}", // in the file long before, or refused there
                _ => $"{i},{i},1,{note}",
            };
            csv.Append(record).Append('\n');
            if (kind > 4 || (kind == 4 && i <= 5_000)) good.Add(record);
            else if (kind == 4 && !good.Contains($"{i - 5_000},{i - 5_000},1,{note}") && i - 5_000 != 100) good.Add(record);
            else bad.Add(record);
        }
        good.Remove($"100,100,1,{note}");
        if (!bad.Contains($"100,100,1,{note}")) bad.Add($"100,100,1,{note}");
        Shell["path"] = Cluster.File("long.csv", csv.ToString());
        Shell["rejects"] = Path.Combine(Cluster.Folder, $"long.rejects.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        string[] rejected = File.ReadAllLines(Path.Combine(Cluster.Folder, "long.rejects.csv"))[1..];
        Assert.Equal(rejected.Length, (int)(long)result.Get("Rejected")!);
        Assert.Equal(Rows, (long)result.Get("Rows")! + rejected.Length);
        Assert.Equal(bad.Order(StringComparer.Ordinal).Distinct(), rejected.Order(StringComparer.Ordinal).Distinct());
        Assert.Equal(good.Select(g => g.Split(',')[0]).Append("100").Order(StringComparer.Ordinal),
            Cluster.Rows(table, "id").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Rows_refused_before_and_after_a_checkpoint_are_all_told(string route)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, PRIMARY KEY (id, user_id)", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (500000, 500000)");
        // A block of the file is the least that a checkpoint commits, and long fields make many.
        string rows = string.Join('\n',
            Enumerable.Range(1, 60_000).Select(i => i == 10 ? "x,10" : i == 59_000 ? "500000,500000" : $"{i:D9},{i:D9}"));
        Shell["path"] = Cluster.File("checked.csv", "id,user_id\n" + rows + "\n");
        Shell["rejects"] = Path.Combine(Cluster.Folder, "checked.rejects.csv");

        PSObject result = Shell.Run(
            $"Import-CsvToCitus $path {table} -Route {route} -Checkpoint 10000 -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((59_998L, 2L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal([11L, 59_001L], ((IEnumerable<object>)result.Get("Rejects")!).Select(r => (long)r.Get("Line")!));
        Assert.Equal("id,user_id\nx,10\n500000,500000\n", File.ReadAllText(Path.Combine(Cluster.Folder, "checked.rejects.csv")));
        Assert.Equal(59_999, Cluster.Count(table));
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void Rows_that_need_rows_of_their_own_file_are_loaded(string route)
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, before bigint, PRIMARY KEY (id, user_id)", "user_id");
        Cluster.Execute($"ALTER TABLE {table} ADD FOREIGN KEY (before, user_id) REFERENCES {table} (id, user_id)");
        Cluster.Execute($"INSERT INTO {table} VALUES (9, 1, NULL)");
        Shell["path"] = Cluster.File("chain.csv", "id,user_id,before\n1,1,\n2,1,1\n9,1,1\n3,1,2\n4,2,\n");
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip").Single;
        Assert.Equal((4L, 1L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(["1\t1\t\\N", "2\t1\t1", "3\t1\t2", "4\t2\t\\N", "9\t1\t\\N"], Cluster.Rows(table));
    }

    [Fact]
    public void Rows_for_an_emptied_table_and_for_a_reference_table_are_rejected_too()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, PRIMARY KEY (id, user_id)", "user_id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 1)");
        Shell["path"] = Cluster.File("emptied.csv", "id,user_id\n1,1\n2,2\n2,2\nx,3\n");
        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route Coordinator -Truncate -OnError Skip").Single;
        Assert.Equal((2L, 2L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(["1\t1", "2\t2"], Cluster.Rows(table));

        string merchants = Cluster.CreateTable("id bigint PRIMARY KEY, name text NOT NULL");
        Shell.Run($"New-ReferenceTable {merchants}").Succeeded();
        Cluster.Execute($"INSERT INTO {merchants} VALUES (1, 'there')");
        Shell["path"] = Cluster.File("merchants.csv", "id,name\n1,again\n2,new\n3,\n2,twice\n");
        result = Shell.Run($"Import-CsvToCitus $path {merchants} -OnError Skip").Single;
        Assert.Equal((1L, 3L), (result.Get("Rows"), result.Get("Rejected")));
        Assert.Equal(["2", "4", "5"], ((IEnumerable<object>)result.Get("Rejects")!).Select(r => r.Get("Line")!.ToString()));
        Assert.Equal(["1\tthere", "2\tnew"], Cluster.Rows(merchants));
    }

    [Fact]
    public void Too_many_refused_rows_end_the_load_and_leave_nothing()
    {
        string table = Cluster.Distribute("id bigint, user_id bigint, note text", "user_id");
        Shell["path"] = Cluster.File("worse.csv", "id,user_id,note\n1,1,a\nx,1,b\ny,1,c\n");
        Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 1").Failed("CitusTooManyErrors");
        string shared = Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 0")
            .Failed("CitusTooManyErrors").Exception.Message;
        Assert.Contains("The last is line 3, column id: invalid input syntax for type bigint: \"x\".", shared, StringComparison.Ordinal);
        Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 50%").Failed("CitusTooManyErrors");
        Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors lots").Failed("CitusInvalidErrorLimit");
        Assert.Equal(0, Cluster.Count(table));
        Assert.Equal(2L, Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 2").Single.Get("Rejected"));
        Assert.Equal(["1\t1\ta"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("Shard", "\n")]
    [InlineData("Shard", "\r\n")]
    [InlineData("Coordinator", "\n")]
    [InlineData("Coordinator", "\r\n")]
    public void A_last_record_without_its_line_end_stays_a_record_of_its_own(string route, string lineEnd)
    {
        string table = Cluster.Distribute("user_id bigint, note text", "user_id");
        Shell["path"] = Cluster.File("bare.csv",
            string.Join(lineEnd, "user_id,note", "1,good", "x,bad", " 42,doubtful", "7,\"two", "lines\"", "y,\"the", "last\""));
        Shell["rejects"] = Path.Combine(Cluster.Folder, "bare.rejects.csv");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip -RejectPath $rejects").Single;

        Assert.Equal((3L, 2L), (result.Get("Rows"), result.Get("Rejected")));
        string escaped = lineEnd.Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        Assert.Equal(["1\tgood", "42\tdoubtful", $"7\ttwo{escaped}lines"], Cluster.Rows(table));
        Assert.Equal(string.Join(lineEnd, "user_id,note", "x,bad", "y,\"the", "last\"", ""),
            File.ReadAllText(Path.Combine(Cluster.Folder, "bare.rejects.csv")));
        Assert.Equal(["3", "8"],
            File.ReadAllLines(Path.Combine(Cluster.Folder, "bare.rejects.errors.csv")).Skip(1).Select(e => e.Split(',')[0]));
    }

    [Theory]
    [InlineData("Shard")]
    [InlineData("Coordinator")]
    public void A_clash_with_a_unique_index_that_is_no_constraint_is_rejected_too(string route)
    {
        string table = Cluster.Distribute("user_id bigint, code text", "user_id");
        Cluster.Execute($"CREATE UNIQUE INDEX {table}_code ON {table} (code, user_id)");
        Cluster.Execute($"INSERT INTO {table} VALUES (2, 'b')");
        Shell["path"] = Cluster.File("codes.csv", "user_id,code\n1,a\n2,b\n3,c\n");

        PSObject result = Shell.Run($"Import-CsvToCitus $path {table} -Route {route} -OnError Skip").Single;

        PSObject reject = Assert.Single(((IEnumerable<object>)result.Get("Rejects")!).Select(PSObject.AsPSObject));
        Assert.Equal((2L, 3L, "23505"), (result.Get("Rows"), reject.Get("Line"), reject.Get("SqlState")));
        Assert.Equal(["1\ta", "2\tb", "3\tc"], Cluster.Rows(table));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-OnConflict Skip")]
    [InlineData("-Checkpoint 4")]
    public void A_share_that_is_too_large_ends_the_load_however_short_it_is(string options)
    {
        string table = Cluster.Distribute("user_id bigint PRIMARY KEY", "user_id");
        Shell["path"] = Cluster.File("half.csv", "user_id\n1\nx\n2\ny\n3\nz\n4\nw\n");

        Exception error = Shell.Run($"Import-CsvToCitus $path {table} -OnError Skip -MaxErrors 1% {options}")
            .Failed("CitusTooManyErrors").Exception;

        Assert.Contains("4 of 8 rows", error.Message, StringComparison.Ordinal);
        if (!options.Contains("Checkpoint", StringComparison.Ordinal)) Assert.Empty(Cluster.Rows(table));
    }
}
