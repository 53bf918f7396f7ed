using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Measures how evenly tables lie over shards and nodes, and says why and what would help.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "ShardSkew")]
[OutputType(typeof(ShardSkew))]
public sealed class MeasureShardSkewCommand : TablesCmdlet
{
    /// <summary>Just these; all tables that are distributed by a column by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [SupportsWildcards]
    public override string[] Table { get; set; } = [];

    /// <summary>Bytes, which reads no row, or Rows, which counts all of them on their nodes.</summary>
    [Parameter]
    public SkewMeasure By { get; set; }

    /// <summary>The module's own tables, in schema woodgrove, too.</summary>
    [Parameter]
    public SwitchParameter IncludeModule { get; set; }

    private protected override bool CanBe(ListedTable table) => table.IsHashed;

    private protected override async Task RunAsync(CitusConnection cluster, IReadOnlyList<string> tables, CmdletOutput output,
        CancellationToken stop)
    {
        const string Activity = "Measuring skew";
        output.Progress(new ProgressRecord(1, Activity,
            By == SkewMeasure.Rows ? "Counting rows on their nodes" : "Reading sizes and statistics"));
        var measurement = new SkewMeasurement(cluster)
        {
            Explain = output.Verbose,
            SkipOthers = IsPiped,
            IncludeModule = IncludeModule,
            Refuse = e => output.Async(c => c.WriteError(CitusErrorRecord.From(e, null))).AsTask().GetAwaiter().GetResult(),
        };
        foreach (ShardSkew skew in await measurement.MeasureAsync(tables, By, stop)) await output.ObjectAsync(skew);
        output.Progress(new ProgressRecord(1, Activity, "Done") { RecordType = ProgressRecordType.Completed });
    }
}
