using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Queries;

/// <summary>Keeps all that a query returns.</summary>
public interface ICollectingSink : IResultSink
{
    Listing<object?> Rows { get; }
}
