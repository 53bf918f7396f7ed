using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Profiling;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Tables;

/// <summary>What New-DistributedTable and New-ReferenceTable share.</summary>
public abstract class DistributeCommand : CsvReadingCommand
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>Creates the table first: what CREATE TABLE has in its parentheses.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Definition { get; set; }

    /// <summary>Creates the table first, with the columns of a CSV: its path, or what Test-CitusCsv said of it.</summary>
    [Parameter]
    [ValidateNotNull]
    public object? FromCsv { get; set; }

    private protected abstract TableDistributor Distributor(CitusConnection cluster, TableName table);

    private protected abstract string Action { get; }

    /// <summary>With -FromCsv: the column that may not be NULL, or null.</summary>
    private protected abstract string? NotNullColumn { get; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        if (Argument(Profile) is { } file) Definition = Argument(() => file.Definition(NotNullColumn));
        if (!Agree(Table, Action, out bool isTrial)) return;
        Run(async (output, stop) =>
        {
            TableDistributor distributor = Distributor(cluster, TableName.Parse(Table)) with { Definition = Definition,
                Explain = output.Verbose, Warn = output.Warning };
            if (await distributor.RunAsync(isTrial, stop) is { } table) await output.ObjectAsync(table);
        }, Table);
    }

    /// <summary>What the file holds, or null where there is none.</summary>
    private CsvProfile? Profile()
    {
        object? given = FromCsv is PSObject wrapped ? wrapped.BaseObject : FromCsv;
        if (given is not null && MyInvocation.BoundParameters.ContainsKey(nameof(Definition)))
            throw DistributionErrors.TwoDefinitions();
        var profile = given as CsvProfile;
        if ((given is null || profile is not null) && BoundFormat() is { } format)
            throw DistributionErrors.NoFileToRead(format, wasRead: given is not null);
        if (given is null || profile is not null) return profile;
        Run(async (output, stop) =>
        {
            CsvSource source = CsvSource.File(GetUnresolvedProviderPathFromPSPath(given.ToString()));
            profile = await new CsvProfiler(source) { Dialect = Dialect, DistributionColumn = NotNullColumn, Warn = output.Warning,
                DetectDelimiter = !MyInvocation.BoundParameters.ContainsKey(nameof(Delimiter)) }.RunAsync(stop);
        }, given);
        return profile;
    }

    /// <summary>The first parameter that was given of those that say how a file is read.</summary>
    private string? BoundFormat() => MyInvocation.BoundParameters.Keys.FirstOrDefault(name =>
        typeof(CsvReadingCommand).GetProperty(name)?.DeclaringType is { } type
            && (type == typeof(CsvReadingCommand) || type == typeof(CsvFormatCommand)));
}
