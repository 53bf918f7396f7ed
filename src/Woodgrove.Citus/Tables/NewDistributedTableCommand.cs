using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Profiling;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Tables;

/// <summary>Splits a table over the nodes by the hash of a column.</summary>
[Cmdlet(VerbsCommon.New, "DistributedTable", SupportsShouldProcess = true)]
[OutputType(typeof(DistributedTable))]
public sealed class NewDistributedTableCommand : DistributeCommand
{
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("Column")]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    [ValidateNotNullOrEmpty]
    public string DistributionColumn { get; set; } = "";

    /// <summary>A distributed table whose rows of equal distribution values shall lie on the same node, or none.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ColocateWith { get; set; }

    [Parameter]
    [ValidateRange(1, 64000)]
    public int? ShardCount { get; set; }

    /// <summary>Lets writers go on while rows move.</summary>
    [Parameter]
    public SwitchParameter Concurrently { get; set; }

    /// <summary>Creates the table first, with the columns of a CSV: its path, or what Test-CitusCsv said of it.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? FromCsv { get; set; }

    private protected override string Action =>
        FromCsv is null ? $"Distribute by {DistributionColumn}" : $"Create with ({Definition}) and distribute by {DistributionColumn}";

    protected override void ProcessRecord()
    {
        if (FromCsv is not null && MyInvocation.BoundParameters.ContainsKey(nameof(Definition)))
        {
            ThrowTerminatingError(CitusErrorRecord.From(new CitusException("CitusTwoDefinitions", CitusErrorKind.InvalidArgument,
                "-FromCsv and -Definition both say which columns the table has.", "Leave one of them out."), Table));
        }
        if (FromCsv is not null) Definition = Argument(() => Profile().Definition(DistributionColumn));
        base.ProcessRecord();
    }

    private CsvProfile Profile()
    {
        object given = FromCsv is PSObject wrapped ? wrapped.BaseObject : FromCsv!;
        if (given is CsvProfile known) return known;
        CsvProfile? profile = null;
        Run(async (output, stop) =>
        {
            CsvSource source = CsvSource.File(GetUnresolvedProviderPathFromPSPath(given.ToString()));
            profile = await new CsvProfiler(source) { DetectDelimiter = true, DistributionColumn = DistributionColumn,
                Warn = output.Warning }.RunAsync(stop);
        }, given);
        return profile!;
    }

    private protected override TableDistributor Distributor(CitusConnection cluster, TableName table) => new(cluster, table)
    {
        DistributionColumn = DistributionColumn,
        ColocateWith = ColocateWith,
        ShardCount = ShardCount,
        Concurrently = Concurrently,
    };
}
