namespace Woodgrove.Citus.Values;

/// <summary>A value has no text that PostgreSQL could read, such as an object that can't be made JSON.</summary>
internal sealed class UnwrittenValueException(string column, string reason, Exception cause) : Exception(reason, cause)
{
    public string Column => column;
}
