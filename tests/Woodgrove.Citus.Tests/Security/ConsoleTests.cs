using System.Management.Automation;
using System.Xml.Linq;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>Escape sequences of other people's data and sessions reach no terminal; objects keep them.</summary>
public sealed class ConsoleTests : ClusterTest, IDisposable
{
    /// <summary>Sets the window's title, clears the screen, and turns the direction of text around.</summary>
    private const string Evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202egpj";

    private readonly List<NpgsqlConnection> _sessions = [];
    private readonly OutputRendering _rendering = PSStyle.Instance.OutputRendering;

    // Plain text would strip sequences from views; a terminal gets them.
    public ConsoleTests(ClusterFixture cluster) : base(cluster) => PSStyle.Instance.OutputRendering = OutputRendering.Ansi;

    public void Dispose()
    {
        PSStyle.Instance.OutputRendering = _rendering;
        foreach (NpgsqlConnection session in _sessions) session.Dispose();
    }

    [Fact]
    public void Errors_warnings_verbose_texts_and_progress_show_control_characters_as_symbols()
    {
        string table = Cluster.CreateTable("id int, note text CHECK (note <> 'no')");
        Shell["evil"] = Evil;
        Shell["bad"] = Cluster.File("evil.csv", $"id,note\n{Evil},x\n");
        Shell["header"] = Cluster.File("evil-header.csv", $"id,{Evil}\n1,x\n");
        string name = $"evil{Evil}.csv";
        Shell["named"] = OperatingSystem.IsWindows() ? Shell["bad"] : Cluster.File(name, "id,note\n1,x\n");
        Shell["raise"] = $"DO $$ BEGIN RAISE NOTICE '{Evil}'; END $$";
        Shell["fail"] = $"DO $$ BEGIN RAISE EXCEPTION '{Evil}' USING HINT = '{Evil}'; END $$";

        Check(Shell.Run("Invoke-CitusQuery $fail"), "errors");
        Check(Shell.Run($"Import-CsvToCitus $bad {table}"), "errors");
        Check(Shell.Run($"Import-CsvToCitus $header {table}"), "errors");
        Check(Shell.Run("Get-DistributedTable \"no`e[2J\""), "errors");
        Check(Shell.Run($"Test-CitusCsv $header {table}"), null);
        Check(Shell.Run("Invoke-CitusQuery $raise -Verbose"), "verbose");
        Check(Shell.Run($"Import-CsvToCitus $named {table} -Verbose"), null);
        Check(Shell.Run($"Import-CsvToCitus $named {table} -WhatIf"), null);
        Check(Shell.Run($"[pscustomobject]@{{ id = 1; note = 'x'; $('\"{Evil}\"') = 1 }} | Add-CitusRow {table}"), "errors");
        // Where a script shows an error by itself.
        Check(Shell.Run("try { Invoke-CitusQuery $fail } catch { $_ | Out-Host; Write-Host $_; Write-Host $_.Exception.Message; "
            + "$_ | Format-List -Force | Out-Host }"), null, hostOnly: true);

        void Check(RunResult run, string? where, bool hostOnly = false)
        {
            AssertHarmless(run.Screen);
            if (hostOnly)
            {
                Assert.Contains("␛]0;owned␇", run.Screen, StringComparison.Ordinal);
                return;
            }
            string[] texts = where == "errors"
                ? [.. run.Errors.SelectMany(e => new[] { e.ToString(), e.Exception.Message, e.CategoryInfo.ToString(),
                    e.ErrorDetails?.RecommendedAction ?? "" })] : [.. run.Verbose];
            if (where is not null) Assert.Contains(texts, t => t.Contains('␛', StringComparison.Ordinal));
            Assert.All(texts.Concat(run.Verbose).Concat(run.Warnings)
                .Concat(run.Progress.SelectMany(p => new[] { p.Activity, p.StatusDescription })), AssertHarmless);
        }
    }

    [Fact]
    public void An_error_keeps_the_value_as_it_came()
    {
        string table = Cluster.CreateTable("id int, note text");
        Shell["bad"] = Cluster.File("evil-value.csv", $"id,note\n{Evil},x\n");

        ErrorRecord error = Shell.Run($"Import-CsvToCitus $bad {table}").Failed("CitusRowRefused");

        Assert.Equal(Evil, error.Exception.Get("Row")!.Get("Value"));
    }

    [Fact]
    public async Task Views_of_sessions_statements_rejected_rows_and_files_show_symbols_and_objects_keep_the_text()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY, note text", "id");
        Cluster.Execute($"INSERT INTO {table} VALUES (1, 'x')");
        Start($"BEGIN; UPDATE {table} SET note = 'a' WHERE id = 1 /* {Evil} */");
        Task waiting = Task.Run(() => Run(Open(), $"UPDATE {table} SET note = 'b' WHERE id = 1 /* {Evil} */"));
        Shell["profile"] = Cluster.File("evil-profile.csv", $"id,{Evil}\n1,{Evil}\n2,{Evil}\nx{Evil},1\n");
        Shell["mixed"] = Cluster.File("evil-mixed.csv", $"id,note\n5,good\n{Evil},bad\n");
        Shell["rejects"] = Path.Combine(Cluster.Folder, "evil-rejects.csv");
        Assert.True(SpinWait.SpinUntil(() => Shell.Get("Get-CitusLockWait").Count > 1, TimeSpan.FromSeconds(30)));
        // A table's own name is somebody's text as well.
        string named = Cluster.Distribute("id bigint", "id", $"t{Evil}");

        AssertShown("Get-CitusActivity -All");
        AssertShown("Get-CitusLockWait");
        AssertShown("(Get-CitusActivity -All).Parts", mayBeHarmless: true);
        AssertShown("Test-CitusCsv $profile");
        AssertShown("(Test-CitusCsv $profile).Columns");
        AssertShown($"(Test-CitusCsv $mixed {table}).Problems");
        AssertShown($"(Import-CsvToCitus $mixed {table} -OnError Skip -RejectPath $rejects).Rejects", mayBeHarmless: true);
        AssertShown("Get-DistributedTable");
        AssertShown("Get-ShardPlacement");
        AssertShown("Get-Colocation");
        if (Cluster.IsCitus) AssertShown("Get-CitusTenant", mayBeHarmless: true);
        if (Cluster.Scalar("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'") is 1L)
            AssertShown("Get-CitusStatement", mayBeHarmless: true);
        Assert.Contains(Shell.Get("Get-CitusActivity -All"), a => a.Get("Query") is string q && q.Contains(Evil, StringComparison.Ordinal));

        foreach (NpgsqlConnection session in _sessions.Take(1)) Run(session, "ROLLBACK");
        await waiting.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Cluster.Execute($"DROP TABLE {ClusterFixture.Quote(named)}");

        void AssertShown(string script, bool mayBeHarmless = false)
        {
            AssertHarmless(Shell.Run($"{script} | Out-Default").Succeeded().Screen);
            // This engine has no Format-List, so what its views would show is asked of them by hand; they show all properties.
            Shell.Get($"$shown = @({script} | Where-Object {{ $null -ne $_ }})");
            if (Shell.Run("$shown.Count").Single.BaseObject is 0)
            {
                Assert.True(mayBeHarmless, $"{script} gave nothing");
                return;
            }
            string type = Shell.Run("$shown[0].GetType().FullName").Single.ToString();
            XElement[] items = [.. Views().Where(v => v.Descendants("TypeName").Any(t => t.Value == type)).Descendants("ScriptBlock")];
            Assert.NotEmpty(items);
            string[] texts = [.. items.SelectMany(i => Shell.Get($"$shown | ForEach-Object {{ {i.Value} }}"))
                .Select(t => t?.ToString() ?? "")];
            Assert.All(texts, AssertHarmless);
            Assert.True(mayBeHarmless || texts.Any(t => t.Contains('␛', StringComparison.Ordinal)),
                $"nothing of {script} was made visible");
        }
    }

    [Fact]
    public void Every_view_shows_text_by_the_one_rule()
    {
        Type[] types = [.. AppDomain.CurrentDomain.GetAssemblies().Where(a => a.GetName().Name == "Woodgrove.Citus.Core")
            .SelectMany(a => a.GetExportedTypes())];
        XElement[] views = [.. Views()];
        Assert.NotEmpty(views);
        foreach (IGrouping<string, XElement> ofType in views.GroupBy(v => v.Descendants("TypeName").First().Value))
        {
            Type type = types.First(t => t.FullName == ofType.Key);
            // Shown as they are: numbers, times and what else has no text of its own.
            foreach (XElement property in ofType.Descendants("PropertyName"))
            {
                Type plain = type.GetProperty(property.Value)!.PropertyType;
                plain = Nullable.GetUnderlyingType(plain) ?? plain;
                Assert.True(plain.IsValueType, $"{ofType.Key}.{property.Value} is shown as it came");
            }
            // Without a list of its own, Format-List shows all properties as they came.
            Assert.True(ofType.Any(v => v.Element("ListControl") is not null), $"{ofType.Key} has no list view");
        }
    }

    private static IEnumerable<XElement> Views() => new[] { "Woodgrove.Citus.Format.ps1xml", "Woodgrove.Citus.Lists.Format.ps1xml" }
        .SelectMany(f => XDocument.Load(Path.Combine(Repository.Root, "module", f)).Descendants("View"));

    private void Start(string sql) => Run(Open(), sql);

    private NpgsqlConnection Open()
    {
        var session = new NpgsqlConnection(Cluster.ConnectionString + ";Pooling=false");
        session.Open();
        _sessions.Add(session);
        return session;
    }

    private static void Run(NpgsqlConnection session, string sql)
    {
        using var command = new NpgsqlCommand(sql, session);
        command.ExecuteNonQuery();
    }

    private static void AssertHarmless(string text)
    {
        // The host's own colours are sequences too; those of the data are none of them.
        foreach (string part in new[] { "\u001b]0;", "\u001b[2J", "\u0007", "\u009b", "\u202e" })
            Assert.False(text.Contains(part, StringComparison.Ordinal),
                $"{part.Replace("\u001b", "ESC", StringComparison.Ordinal)} in: {text.Replace("\u001b", "ESC", StringComparison.Ordinal)}");
    }
}
