using System.ComponentModel;
using System.Diagnostics;
using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Files;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Plans;
using Woodgrove.Citus.Plans.Requests;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Reports;

/// <summary>Writes a page about the cluster: one HTML file with pictures that needs nothing else.</summary>
[Cmdlet(VerbsData.Export, "CitusReport", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportCitusReportCommand : ConnectedCmdlet
{
    private readonly List<CitusQueryPlan> _plans = [];
    private readonly List<string> _tables = [];

    /// <summary>The file to write; one that is there is overwritten.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Just these tables; all by default.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("Tables")]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public string[] Table { get; set; } = [];

    /// <summary>Queries whose plans are to be shown. They are not run.</summary>
    [Parameter]
    public string[] Query { get; set; } = [];

    /// <summary>Plans to be shown, from Get-CitusQueryPlan.</summary>
    [Parameter(ValueFromPipeline = true)]
    public CitusQueryPlan[] Plan { get; set; } = [];

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Title { get; set; }

    /// <summary>Refuses to overwrite a file.</summary>
    [Parameter]
    [Alias("NoOverwrite")]
    public SwitchParameter NoClobber { get; set; }

    /// <summary>Shows the page in the browser.</summary>
    [Parameter]
    public SwitchParameter Open { get; set; }

    /// <summary>Emits the file.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord()
    {
        _plans.AddRange(Plan);
        _tables.AddRange(Table);
    }

    protected override void EndProcessing()
    {
        if (IsPiped && _plans.Count + _tables.Count == 0)
        {
            ThrowTerminatingError(CitusErrorRecord.From(ReportErrors.NothingPiped(), null));
        }
        CitusConnection cluster = Cluster;
        string file = GetUnresolvedProviderPathFromPSPath(Path);
        if (!Agree(file, $"Write a report on {cluster.Name}", out bool isTrial)) return;
        Run((_, _) => Task.Run(() => OutputFile.Check(file, overwrite: !NoClobber, force: false)), file);
        foreach (string query in Query)
            RunEach(async (_, stop) => _plans.Add(await new PlanRequest(query) { AllTasks = true }.ReadAsync(cluster, stop)), query);
        Run(async (output, stop) =>
        {
            if (await TablePattern.ExpandAsync(cluster, _tables, stop) is not { } tables) throw ReportErrors.NoSuchTables(_tables);
            if (isTrial)
            {
                // A table that is not there is refused when it is read.
                await foreach (DistributedTable _ in ClusterMetadata.TablesAsync(cluster, tables, false, output.Warning, stop)) { }
                return;
            }
            var request = new ReportRequest(cluster, [.. tables.Distinct()]) { Title = Title, Plans = _plans, Explain = output.Verbose,
                Warn = output.Warning, IncludeModule = IncludeModule };
            string page = HtmlReport.Render(await request.ReadAsync(stop));
            await OutputFile.WriteAsync(file, Encoding.UTF8.GetBytes(page), overwrite: !NoClobber, stop);
            if (Open) Show(file);
            if (PassThru) await output.ObjectAsync(new FileInfo(file));
        }, file);
    }

    /// <summary>By the program that $env:BROWSER names, or whatever shows such files here.</summary>
    private static void Show(string file)
    {
        string? browser = Environment.GetEnvironmentVariable("BROWSER");
        try
        {
            Process.Start(string.IsNullOrEmpty(browser) ? new ProcessStartInfo(file) { UseShellExecute = true }
                : new ProcessStartInfo(browser, [file]))?.Dispose();
        }
        catch (Win32Exception e)
        {
            throw ReportErrors.NotShown(file, e);
        }
    }
}
