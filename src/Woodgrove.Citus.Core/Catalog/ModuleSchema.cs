namespace Woodgrove.Citus.Catalog;

/// <summary>The schema of the module's own tables, which lists and checks leave out unless they are asked for.</summary>
internal static class ModuleSchema
{
    public const string Name = "woodgrove";

    /// <summary>SQL that is true of a relation that is not the module's own.</summary>
    /// <param name="oid">SQL of its oid.</param>
    public static string IsNotOf(string oid) =>
        "NOT EXISTS (SELECT FROM pg_catalog.pg_class own_c JOIN pg_catalog.pg_namespace own_s ON own_s.oid = own_c.relnamespace WHERE "
            + $"own_c.oid = {oid} AND own_s.nspname = '{Name}')";

    /// <summary>The same SQL, for which the module's own relations are as any others.</summary>
    /// <param name="sql">It has <see cref="IsNotOf"/>.</param>
    public static string Include(string sql) => sql.Replace($"own_s.nspname = '{Name}'", "false", StringComparison.Ordinal);

    /// <summary>
    /// SQL that is true of a relation that is asked for: one of those named, or, where none is, any that is not the
    /// module's own.
    /// </summary>
    /// <param name="named">SQL of an array of oids, or of NULL.</param>
    /// <param name="oid">SQL of the relation's oid.</param>
    /// <param name="module">Whether the module's own are asked for.</param>
    public static string Shows(string named, string oid, bool module) =>
        $"CASE WHEN {named} IS NULL THEN {(module ? "true" : IsNotOf(oid))} ELSE {oid}::oid = ANY ({named}) END";
}
