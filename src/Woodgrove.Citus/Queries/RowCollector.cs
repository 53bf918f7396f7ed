using System.Data;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Queries;

/// <summary>Keeps the rows of one node's or shard's result as PowerShell objects.</summary>
internal sealed class RowCollector(QueryOutput shape) : ICollectingSink
{
    private readonly List<object?> _rows = [];
    private string[] _names = [];
    private bool _isFirst;

    public Listing<object?> Rows => _rows;

    public ValueTask BeginAsync(IReadOnlyList<ResultColumn> columns)
    {
        (_names, _isFirst) = ([.. columns.Select(c => c.Name)], true);
        if (shape != QueryOutput.DataTable) return default;
        var table = new DataTable { Locale = System.Globalization.CultureInfo.InvariantCulture };
        foreach (ResultColumn column in columns) table.Columns.Add(column.Name, column.Type);
        _rows.Add(table);
        return default;
    }

    public ValueTask RowsAsync(object?[][] rows)
    {
        foreach (object?[] row in rows)
        {
            if (shape == QueryOutput.DataTable) ((DataTable)_rows[^1]!).Rows.Add(row);
            else if (shape != QueryOutput.Scalar)
                _rows.Add(shape == QueryOutput.Hashtable ? RowSink.Table(_names, row) : RowSink.Object(_names, row));
            else if (_isFirst) _rows.Add(row[0]);
            _isFirst = false;
        }
        return default;
    }
}
