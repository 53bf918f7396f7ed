using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Comparison;

/// <summary>Compares tables of two databases, and tells which rows differ.</summary>
[Cmdlet(VerbsData.Compare, "CitusTable")]
[OutputType(typeof(TableComparison))]
public sealed class CompareCitusTableCommand : CitusCmdlet
{
    /// <summary>Names and patterns of the source's tables; * stands for all.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Table { get; set; } = [];

    /// <summary>The source: an object from Connect-CitusCluster, or its name.</summary>
    [Parameter(Mandatory = true)]
    [ConnectionTransformation]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    [ValidateNotNull]
    public CitusConnection From { get; set; } = null!;

    /// <summary>The target.</summary>
    [Parameter(Mandatory = true)]
    [ConnectionTransformation]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    [ValidateNotNull]
    public CitusConnection To { get; set; } = null!;

    /// <summary>How many shards of a node are read at the same time.</summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int ThrottleLimit { get; set; } = 4;

    /// <summary>How many differences of a table are told at most.</summary>
    [Parameter]
    [ValidateRange(0, 100_000)]
    public int MaxDifferences { get; set; } = 100;

    protected override void ProcessRecord()
    {
        IReadOnlyList<string> tables = [];
        Run(async (output, stop) =>
        {
            tables = await TablePattern.ExpandAsync(Table, () => ClusterMetadata.OwnTablesAsync(From, stop)) ?? [];
            if (Table is not ["*"]) return;
            var known = (await ClusterMetadata.OwnTablesAsync(From, stop)).Select(t => t.FullName);
            string[] others = [.. (await ClusterMetadata.OwnTablesAsync(To, stop)).Where(t => !t.IsModules).Select(t => t.FullName)
                .Except(known)];
            if (others.Length > 0) output.Warning(ComparisonWarnings.OnlyInTarget(others));
        }, string.Join(", ", Table));
        foreach (string table in tables) RunEach((output, stop) => CompareAsync(table, output, stop), table);
    }

    private async Task CompareAsync(string table, CmdletOutput output, CancellationToken stop)
    {
        var comparer = new TableComparer(From, To)
        {
            MaxDifferences = MaxDifferences,
            SessionsPerNode = ThrottleLimit,
            Explain = output.Verbose,
            Progress = (done, all) => output.Progress(new ProgressRecord(1, $"Comparing {table}", $"{done} of {all} scans")
            {
                PercentComplete = done * 100 / all,
                RecordType = done == all ? ProgressRecordType.Completed : ProgressRecordType.Processing,
            }),
        };
        TableComparison result = await comparer.CompareAsync(TableName.Parse(table), stop);
        foreach (string note in result.Notes) output.Warning($"{result.Table}: {note}");
        await output.ObjectAsync(result);
    }
}
