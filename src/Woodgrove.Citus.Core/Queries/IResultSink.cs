namespace Woodgrove.Citus.Queries;

/// <summary>Receives what a query returns, in the order in which it comes.</summary>
public interface IResultSink
{
    /// <summary>A result set begins.</summary>
    ValueTask BeginAsync(IReadOnlyList<ResultColumn> columns);

    /// <summary>Some rows of it; a value is null where the database's is. The array is the receiver's to keep.</summary>
    ValueTask RowsAsync(object?[][] rows);
}
