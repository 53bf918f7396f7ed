using System.Management.Automation;
using Woodgrove.Citus.Tests.Activity;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Reports;

/// <summary>Export-CitusReport: the page as a browser shows it, and the file as PowerShell writes it.</summary>
public sealed class ReportTests : ClusterTest
{
    private const string Hostile = "<script>document.title='owned'</script>";
    private readonly string _table, _page;

    public ReportTests(ClusterFixture cluster) : base(cluster)
    {
        _table = cluster.Distribute("id bigint PRIMARY KEY, text text", "id");
        cluster.Execute($"INSERT INTO {_table} SELECT g, repeat('x', 100) FROM generate_series(1, 2000) g");
        _page = Path.Combine(cluster.Folder, "report.html");
        Shell["page"] = _page;
    }

    [Theory]
    [InlineData(1280, false)]
    [InlineData(1280, true)]
    [InlineData(400, false)]
    public async Task A_browser_shows_it_without_complaint_outside_request_or_overflow(int width, bool dark)
    {
        await using Browser browser = await Browser.StartAsync();
        string odd = Cluster.Distribute("\"<b>id\" bigint PRIMARY KEY", "<b>id", Hostile);
        try
        {
            string query = $"SELECT count(*) AS \"<i>n\" FROM {_table} WHERE id > 0";
            Shell["query"] = query;
            Shell.Run("Get-CitusQueryPlan $query | Export-CitusReport $page -Query $query").Succeeded();

            await browser.ShowAsync(new Uri(_page).AbsoluteUri, width, dark);

            await KeepAsync(browser, $"report-{width}{(dark ? "-dark" : "")}");
            Assert.Empty(browser.Complaints);
            Assert.All(browser.Requests,
                r => Assert.True(r.StartsWith("file:", StringComparison.Ordinal) || r.StartsWith("data:", StringComparison.Ordinal)
                    || r == "about:blank", r));
            Assert.InRange(await browser.AskAsync<int>("innerWidth"), width, width);
            Assert.Equal(0, await browser.AskAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth"));
            Assert.Equal(0, await browser.AskAsync<int>("document.querySelectorAll('script, b, i').length"));
            Assert.NotEqual("owned", await browser.AskAsync<string>("document.title"));
            Assert.Contains(Hostile, await browser.AskAsync<string>("document.querySelector('#tables').textContent"));
            Assert.Equal(2, await browser.AskAsync<int>("[...document.querySelectorAll('#queries h3 + pre')].filter(p => p.textContent === "
                + System.Text.Json.JsonSerializer.Serialize(query) + ").length"));
        }
        finally
        {
            Cluster.Execute($"DROP TABLE {ClusterFixture.Quote(odd)}");
        }
    }

    [Fact]
    public async Task Its_figures_are_those_of_the_cmdlets()
    {
        await using Browser browser = await Browser.StartAsync();
        // Autovacuum may change a size between the report and the cmdlet, so both are read until it did not.
        for (string[]? before = null; before is null || !before.SequenceEqual(Sizes());)
        {
            before = Sizes();
            Shell.Run("Export-CitusReport $page").Succeeded();
        }
        await browser.ShowAsync(new Uri(_page).AbsoluteUri, 1280);

        string[] tables = await browser.AskAsync<string[]>("[...document.querySelectorAll('#tables tr[data-table]')].map(r => "
            + "r.dataset.table + ' ' + [...r.querySelectorAll('data')].map(d => d.value).join(' '))");
        Assert.Equal(Sizes(), tables.Order(StringComparer.Ordinal));

        string[] nodes = await browser.AskAsync<string[]>("[...document.querySelectorAll('.node')].map(n => n.dataset.node + ' ' + "
            + "[...n.querySelectorAll('data')].map(d => d.value).join(' '))");
        Assert.Equal(Shell.Get("Get-CitusNode -Size")
            .Select(n => $"{n.Get("NodeName")}:{n.Get("NodePort")} {n.Get("ShardCount")} {n.Get("SizeBytes")}"), nodes);

        string[] placements = await browser.AskAsync<string[]>($"[...document.querySelectorAll('table[data-placements={_table}] tbody "
            + "tr')].map(r => [...r.cells].map(c => c.querySelector('data')?.value ?? c.textContent).join(' '))");
        Assert.Equal(Shell.Get($"Get-ShardPlacement {_table}")
            .Select(p => $"{p.Get("ShardId")} {p.Get("HashMin")} {p.Get("HashMax")} {p.Get("NodeName")}:{p.Get("NodePort")} "
                + $"{p.Get("SizeBytes")}"), placements);

        string[] skews = await browser.AskAsync<string[]>("[...document.querySelectorAll('dl[data-skew]')].map(l => [l.dataset.skew, "
            + "l.closest('article').querySelector('h3 .badge').textContent.split(' ')[1], "
            + "...[...l.querySelectorAll('data')].map(d => d.value)].join(' '))");
        Assert.Equal(
            Shell.Get("Measure-ShardSkew")
                .Select(s => FormattableString.Invariant(
                    $"{s.Get("Table")} {s.Get("Verdict")} {s.Get("Largest")} {Math.Round((double)s.Get("MaxToMean")!, 4)} {s.Get("Smallest")} {Math.Round((double)s.Get("NodeMaxToMean")!, 4)}")).Order(StringComparer.Ordinal),
            skews.Order(StringComparer.Ordinal));

        string[] groups = await browser.AskAsync<string[]>("[...document.querySelectorAll('.group')].map(g => g.dataset.group + ': "
            + "' + [...g.querySelectorAll('.chip')].map(c => c.textContent).join(', '))");
        Assert.Equal(Shell.Get("Get-DistributedTable").Where(t => t.Get("ColocationId") is > 0).GroupBy(t => (int)t.Get("ColocationId")!)
            .OrderBy(g => g.Key).Select(g => $"{g.Key}: {string.Join(", ", g.Select(t => t.Get("Table")))}"), groups);

        string[] imports = await browser.AskAsync<string[]>("[...document.querySelectorAll('tr[data-import]')].map(r => r.dataset.import "
            + "+ ' ' + r.querySelector('data').value)");
        Assert.Equal(Shell.Get("Get-CitusImport").Take(20).Select(i => $"{i.Get("ImportId")} {i.Get("Rows")}"), imports);
    }

    private string[] Sizes() => [.. Shell.Get("Get-DistributedTable -Size")
        .Select(t => $"{t.Get("Table")} {t.Get("ShardCount")} {t.Get("SizeBytes")}").Order(StringComparer.Ordinal)];

    [Fact]
    public async Task It_is_sound_for_keyboard_and_screen_reader()
    {
        await using Browser browser = await Browser.StartAsync();
        Shell.Run($"Export-CitusReport $page {_table} -Query 'SELECT count(*) FROM {_table}'").Succeeded();
        foreach (bool dark in (bool[])[false, true])
        {
            await browser.ShowAsync(new Uri(_page).AbsoluteUri, 1280, dark);

            Assert.Equal("1,1,1,1", await browser.AskAsync<string>("['header', 'nav[aria-label]', 'main', 'footer'].map(s => "
                + "document.querySelectorAll('body > ' + s).length).join()"));
            Assert.Equal("en", await browser.AskAsync<string>("document.documentElement.lang"));
            Assert.Empty(await browser.AskAsync<string[]>("[...document.querySelectorAll('svg')].filter(s => s.getAttribute('role') !== "
                + "'img' || !s.ariaLabel || !s.querySelector(':scope > title')).map(s => s.outerHTML)"));
            Assert.Empty(await browser.AskAsync<string[]>("[...document.querySelectorAll('table')].filter(t => !t.caption || "
                + "[...t.querySelectorAll('th')].some(h => !h.scope)).map(t => t.outerHTML)"));
            Assert.Empty(await browser.AskAsync<string[]>("[...document.querySelectorAll('.scroll, pre')].filter(s => s.tabIndex !== "
                + "0).map(s => s.outerHTML)"));
            Assert.Empty(await browser.AskAsync<string[]>("[...document.querySelectorAll('a[href^=\"#\"]')].filter(a => "
                + "!document.getElementById(a.hash.slice(1))).map(a => a.href)"));
            int[] levels = await browser.AskAsync<int[]>("[...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])");
            Assert.True(levels[0] == 1 && levels.Zip(levels.Skip(1)).All(p => p.Second <= p.First + 1), string.Join(' ', levels));
            Assert.Empty(await browser.AskAsync<string[]>(Contrast));
        }
    }

    [Fact]
    public void A_role_that_may_not_use_a_schema_sees_how_the_tables_lie()
    {
        string schema = Cluster.NewName("closed");
        Cluster.Execute($"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (id bigint)");
        Cluster.AtEnd($"DROP SCHEMA {schema} CASCADE");
        Cluster.Execute($"SELECT create_distributed_table('{schema}.t', 'id', colocate_with := 'none', shard_count := 4)");
        using var bystander = new Activity.Bystander(Cluster, everywhere: true);

        Shell.Run("Export-CitusReport $page -Connection $bystander").Succeeded();

        string page = System.IO.File.ReadAllText(_page);
        Assert.Contains($"data-skew=\"{_table}\"", page, StringComparison.Ordinal);
        Assert.Contains($"data-skew=\"{schema}.t\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("The skew of the tables could not be read", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables_that_Citus_only_keeps_track_of_are_of_no_group()
    {
        Cluster.RequireCitus();
        string table = Cluster.CreateTable("id bigint");
        Cluster.Execute($"SELECT citus_add_local_table_to_metadata('{table}')");

        Shell.Run($"Export-CitusReport $page {table}").Succeeded();

        Assert.DoesNotContain("data-group", System.IO.File.ReadAllText(_page), StringComparison.Ordinal);
        Shell.Run($"Get-Colocation {table}").Failed("CitusNotDistributed");
    }

    [Fact]
    public async Task It_prints()
    {
        await using Browser browser = await Browser.StartAsync();
        Shell.Run($"Export-CitusReport $page {_table}").Succeeded();
        await browser.ShowAsync(new Uri(_page).AbsoluteUri, 1280, dark: true);
        byte[] pdf = await browser.PrintAsync();

        Assert.Equal("%PDF"u8.ToArray(), pdf[..4]);
        if (Environment.GetEnvironmentVariable("WOODGROVE_TEST_KEEP") is { Length: > 0 } folder)
            System.IO.File.WriteAllBytes(Path.Combine(folder, "report.pdf"), pdf);
    }

    [Fact]
    public void An_existing_file_is_overwritten_unless_NoClobber_is_given()
    {
        System.IO.File.WriteAllText(_page, "mine");

        Shell.Run($"Export-CitusReport $page {_table} -NoClobber").Failed("CitusFileExists");
        Assert.Equal("mine", System.IO.File.ReadAllText(_page));
        Shell.Run($"Export-CitusReport $page {_table} -WhatIf").Succeeded();
        Assert.Equal("mine", System.IO.File.ReadAllText(_page));

        PSObject file = Shell.Run($"Export-CitusReport $page {_table} -PassThru").Single;
        Assert.Equal(_page, file.Get("FullName"));
        Assert.StartsWith("<!DOCTYPE html>", System.IO.File.ReadAllText(_page));
        Assert.Empty(Shell.Run($"Export-CitusReport $page {_table}").Succeeded().Output);
    }

    [Fact]
    public void It_is_shown_by_the_browser_that_the_environment_names()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a program that is a script");
        string browser = Path.Combine(Cluster.Folder, "browser"), shown = Path.Combine(Cluster.Folder, "shown");
        System.IO.File.WriteAllText(browser, $"#!/bin/sh\necho \"$1\" > '{shown}.part' && mv '{shown}.part' '{shown}'\n");
        if (!OperatingSystem.IsWindows()) System.IO.File.SetUnixFileMode(browser, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Shell.Run($"$env:BROWSER = '{browser}'; Export-CitusReport $page {_table} -WhatIf -Open").Succeeded();
            Shell.Run($"Export-CitusReport $page {_table} -Open").Succeeded();
            Assert.True(SpinWait.SpinUntil(() => System.IO.File.Exists(shown), TimeSpan.FromSeconds(10)));
            Assert.Equal(_page, System.IO.File.ReadAllText(shown).Trim());

            ErrorRecord error = Shell.Run($"$env:BROWSER = '{browser}-that-is-not-there'; Export-CitusReport $page {_table} -Open")
                .Failed("CitusReportNotShown");
            Assert.Contains("is written", error.Exception.Message, StringComparison.Ordinal);
        }
        finally
        {
            Shell.Run("$env:BROWSER = $null");
        }
    }

    [Fact]
    public void What_a_killed_load_left_prepared_is_left_alone()
    {
        Cluster.RequireSandbox();
        string import = Guid.NewGuid().ToString("N"), other = Cluster.CreateTable("id int");
        string name = $"woodgrove_{Cluster.Scalar("SELECT lpad(to_hex(system_identifier), 16, '0') FROM pg_control_system()")}_{import}_0_0123456789ab_1";
        Shell.Run("Get-CitusImport").Succeeded();
        System.IO.File.WriteAllText(Path.Combine(Cluster.Folder, "one.csv"), "1000002,a\n");
        // the ledger is there
        Shell.Run($"Import-CsvToCitus '{Path.Combine(Cluster.Folder, "one.csv")}' {_table} -NoHeader -Checkpoint 1000").Succeeded();
        Cluster.Execute($"BEGIN; INSERT INTO {other} VALUES (1); PREPARE TRANSACTION '{name}'");
        object? Left() => Cluster.Scalar($"SELECT count(*) FROM pg_prepared_xacts WHERE gid = '{name}'");
        try
        {
            Shell.Run($"Export-CitusReport $page {_table}").Succeeded();
            Assert.Equal(1L, Left());
        }
        finally
        {
            Shell.Run("Repair-CitusImport").Succeeded(); // ends it
        }
        Assert.Equal(0L, Left());
    }

    [Fact]
    public void A_query_that_is_refused_is_an_error_and_the_others_are_shown()
    {
        RunResult run = Shell.Run($"Export-CitusReport $page {_table} -Query 'SELEC 1', 'SELECT 40 + 2 AS n'");

        run.Failed("CitusSyntaxError");
        Assert.Contains("SELECT 40 &#x2B; 2 AS n", System.IO.File.ReadAllText(_page));
    }

    [Fact]
    public void It_holds_no_password_nor_what_signs_an_address()
    {
        Cluster.RequireSandbox();
        System.IO.File.WriteAllText(Path.Combine(Cluster.Folder, "rows.csv"), "1000001,a\n");
        string address = $"{Cluster.Sandbox!.Get("WebUri")}rows.csv?sig=t0ken";
        Shell.Run($"Import-CsvToCitus -Uri '{address}' -Table {_table} -NoHeader -Checkpoint 1000").Succeeded();
        Shell.Run($"Export-CitusReport $page {_table}").Succeeded();

        string text = System.IO.File.ReadAllText(_page);
        Assert.Contains("rows.csv", text);
        Assert.DoesNotContain("t0ken", text);
        Assert.DoesNotContain(System.IO.File.ReadLines(Path.Combine((string)Cluster.Sandbox!.Get("Path")!, "pgpass")).First()
            .Split(':')[^1], text);
    }

    [Fact]
    public void A_plain_role_gets_what_it_may_see()
    {
        using var bystander = new Activity.Bystander(Cluster, everywhere: true);
        RunResult run = Shell.Run("Export-CitusReport $page -Connection $bystander").Succeeded();

        string text = System.IO.File.ReadAllText(_page);
        Assert.Contains($"as {bystander.Name}", text);
        Assert.Contains(_table, text);
        Assert.All(run.Warnings, w => Assert.Contains(System.Net.WebUtility.HtmlEncode(w)[..20], text));
    }

    /// <summary>Texts whose colour is too near to that behind them (WCAG 2.1, AA: 4.5 to 1, large ones 3 to 1).</summary>
    private const string Contrast = """
        (() => {
          const parse = c => (c.match(/[\d.]+/g) ?? []).map(Number);
          const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
          const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return parse(getComputedStyle(document.documentElement).colorScheme === 'dark' ? '0,0,0' : '255,255,255'); };
          const bad = new Set();
          for (const e of document.querySelectorAll('body *')) {
            if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest('svg')) continue;
            const s = getComputedStyle(e), a = light(parse(s.color).slice(0, 3)), b = light(behind(e)), large = parseFloat(s.fontSize) >= 24;
            if ((Math.max(a, b) + .05) / (Math.min(a, b) + .05) < (large ? 3 : 4.5)) bad.add(e.tagName + '.' + e.className + ' ' + s.color + ' ' + e.textContent.trim().slice(0, 40));
          }
          return [...bad];
        })()
        """;

    private static async Task KeepAsync(Browser browser, string name)
    {
        if (Environment.GetEnvironmentVariable("WOODGROVE_TEST_KEEP") is { Length: > 0 } folder)
            System.IO.File.WriteAllBytes(Path.Combine(folder, name + ".png"), await browser.ScreenshotAsync());
    }
}
