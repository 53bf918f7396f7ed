using System.Data;
using System.Data.Common;
using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Ingest;
using Woodgrove.Citus.Ingest.Merge;
using Woodgrove.Citus.Ingest.Rows;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Transfer;

/// <summary>Copies tables from one cluster, or PostgreSQL server, into the tables of the same names of another.</summary>
[Cmdlet(VerbsCommon.Copy, "CitusTable", SupportsShouldProcess = true)]
[OutputType(typeof(CopyResult))]
public sealed class CopyCitusTableCommand : CitusCmdlet
{
    /// <summary>The tables, which the target has already; * stands for all of the source.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Table { get; set; } = [];

    /// <summary>
    /// The cluster or PostgreSQL server to read from, an object of Connect-CitusCluster or its name; or an open DbConnection or
    /// IDataReader of any other source.
    /// </summary>
    [Parameter(Mandatory = true)]
    [ConnectionTransformation]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    [ValidateNotNull]
    public object From { get; set; } = null!;

    /// <summary>The cluster or PostgreSQL server to write to: an object of Connect-CitusCluster or its name.</summary>
    [Parameter(Mandatory = true)]
    [ConnectionTransformation]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    [ValidateNotNull]
    public CitusConnection To { get; set; } = null!;

    /// <summary>A query of the source, whose rows go into the one table.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Query { get; set; }

    /// <summary>
    /// How many shards are copied at the same time: each needs a session of the source, one of the target's coordinator,
    /// and one for each shard of the target that its rows go into.
    /// </summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int ThrottleLimit { get; set; } = 16;

    /// <summary>Names the copy; what an earlier run of it has committed is not copied again.</summary>
    [Parameter]
    public Guid ImportId { get; set; }

    /// <summary>Continues the latest copy of each table from this source, if it was not completed.</summary>
    [Parameter]
    public SwitchParameter Resume { get; set; }

    /// <summary>
    /// A row whose key the target has: Error, the default, refuses it; Skip leaves it out; Update overwrites the target's.
    /// </summary>
    [Parameter]
    public ConflictAction OnConflict { get; set; }

    /// <summary>With -OnConflict: the columns of the unique key that decides; by default the primary key.</summary>
    [Parameter]
    public string[]? KeyColumn { get; set; }

    /// <summary>Drops secondary indexes and foreign keys of empty tables, and recreates them after the rows.</summary>
    [Parameter]
    public SwitchParameter DeferIndexes { get; set; }

    /// <summary>Compares each table afterwards with the snapshot that was copied.</summary>
    [Parameter]
    public SwitchParameter Verify { get; set; }

    protected override void EndProcessing()
    {
        string source = From is CitusConnection cluster ? cluster.Name : From.GetType().Name;
        if (!Agree($"{source} to {To.Name}", $"Copy {string.Join(", ", Table)}", out bool isTrial)) return;
        switch (From)
        {
            case CitusConnection from: CopyFrom(from, isTrial); break;
            case IDataReader reader: CopyRows(reader, source, isTrial); break;
            case DbConnection connection: CopyQuery(connection, source, isTrial); break;
            default: ThrowTerminatingError(CitusErrorRecord.From(CopyCommandErrors.NotASource(From), From)); break;
        }
    }

    private void CopyFrom(CitusConnection from, bool isTrial)
    {
        Run(async (output, stop) =>
        {
            var bar = new CopyProgressBar(output);
            IReadOnlyList<string> names = await TablePattern.ExpandAsync(Table, () => ClusterMetadata.OwnTablesAsync(from, stop))
                ?? throw CopyCommandErrors.NoTables(from.Database);
            var copy = new ClusterCopy(from, To, [.. names.Select(TableName.Parse)])
            {
                Parallel = ThrottleLimit,
                ImportId = ImportId == default ? null : ImportId,
                Resume = Resume,
                Query = Query?.TrimEnd().TrimEnd(';'),
                OnConflict = OnConflict,
                KeyColumns = KeyColumn,
                DeferIndexes = DeferIndexes,
                Verify = Verify,
                Progress = bar.Report,
                Explain = output.Verbose,
                Warn = output.Warning,
            };
            try
            {
                if (isTrial) await copy.CheckAsync(stop);
                else await copy.RunAsync(result => ReportAsync(output, result), stop);
            }
            finally
            {
                bar.Complete();
            }
        }, string.Join(", ", Table));
    }

    private static async ValueTask ReportAsync(CmdletOutput output, CopyResult result)
    {
        await output.ObjectAsync(result);
        if (result.Comparison is { IsEqual: false } found)
            await output.Async(c => c.WriteError(CitusErrorRecord.From(CopyCommandErrors.NotEqual(found), found.Table)));
    }

    private void CopyQuery(DbConnection connection, string source, bool isTrial)
    {
        using DbCommand command = connection.CreateCommand();
        command.CommandText = Query ?? $"SELECT * FROM {Table[0]}";
        command.CommandTimeout = 0;
        using DbDataReader reader = Argument(() => Open(command, isTrial));
        CopyRows(reader, source, isTrial);
    }

    private static DbDataReader Open(DbCommand command, bool isTrial)
    {
        try
        {
            return command.ExecuteReader(isTrial ? CommandBehavior.SchemaOnly : CommandBehavior.Default);
        }
        catch (Exception e) when (e is DbException or InvalidOperationException)
        {
            throw CopyCommandErrors.SourceFailed(command.CommandText, e);
        }
    }

    /// <summary>The next row's values; null where there is none.</summary>
    private static object?[]? Read(IDataReader reader, string[] names, long number, string table)
    {
        try
        {
            return reader.Read() ? RowReader.Values(reader, names) : null;
        }
        catch (Exception e) when (e is DbException or InvalidOperationException or IOException)
        {
            throw CopyCommandErrors.ReadFailed(number, table, e);
        }
    }

    /// <summary>Rows of a source that is not PostgreSQL: as Add-CitusRow loads them.</summary>
    private void CopyRows(IDataReader reader, string source, bool isTrial)
    {
        if (Table is not [var table] || ImportId != default || Resume || DeferIndexes || Verify || (Query is not null && From is IDataReader))
        {
            ThrowTerminatingError(CitusErrorRecord.From(CopyCommandErrors.NotForRows(), From));
            return;
        }
        string[] names = RowReader.Names(reader);
        RowLoader? rows = null;
        var options = new RowOptions(100_000, TimeSpan.FromSeconds(1)) 
            { StopAtRefused = true, OnConflict = OnConflict, KeyColumns = KeyColumn };
        Run(async (_, stop) => rows = await RowLoader.OpenAsync(To, TableName.Parse(table), names, options, stop), table);
        if (isTrial) return;
        using BackgroundWork sending = Start(async (output, stop) =>
        {
            AddRowResult result;
            try
            {
                result = await rows!.RunAsync(row => throw LoadErrors.RowRefused(row, table), output.Warning, stop);
            }
            catch (CitusException refused) when (refused.Row is not null)
            {
                throw CopyCommandErrors.RowRefused(refused, table);
            }
            await output.ObjectAsync(new CopyResult(result.Table, CopyMethod.Rows, result.Rows, 0, result.Duration, (int)result.Batches,
                0, 0, null) { Reason = $"the rows of a {source}, in batches that are each committed by themselves." });
        });
        for (long number = 1; !sending.HasEnded && Argument(() => Read(reader, names, number, table)) is { } values; number++)
        {
            while (!rows!.TryAdd(values) && !sending.HasEnded)
            {
                if (IsStopping) throw new PipelineStoppedException();
                sending.WriteAvailable(this);
                Thread.Sleep(1);
            }
            sending.WriteAvailable(this);
        }
        rows!.Complete();
        if (WriteToEnd(sending) is { } failure) ThrowTerminatingError(CitusErrorRecord.From(failure, table));
    }
}
