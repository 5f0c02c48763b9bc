import django.db.models.functions.datetime
from django.db import migrations, models

from sync.ott.operations import CreateModelUnlessThere


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        CreateModelUnlessThere(
            name='OttCatalog',
            fields=[
                ('id', models.TextField(primary_key=True, serialize=False)),
                ('name', models.TextField(db_default='')),
                ('description', models.TextField(db_default='')),
                ('position', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'catalogs',
                'default_permissions': (),
            },
        ),
        CreateModelUnlessThere(
            name='OttContent',
            fields=[
                ('id', models.TextField(primary_key=True, serialize=False)),
                ('catalog_id', models.TextField(db_default='')),
                ('series_id', models.TextField(db_default='')),
                ('name', models.TextField(db_default='')),
                ('description', models.TextField(db_default='')),
                ('position', models.BigIntegerField(null=True)),
                ('year', models.BigIntegerField(null=True)),
                ('players', models.TextField(db_default='[]')),
            ],
            options={
                'db_table': 'contents',
                'default_permissions': (),
            },
        ),
        CreateModelUnlessThere(
            name='OttPlayer',
            fields=[
                ('id', models.TextField(primary_key=True, serialize=False)),
                ('name', models.TextField(db_default='')),
                ('aliases', models.TextField(db_default='[]')),
            ],
            options={
                'db_table': 'players',
                'default_permissions': (),
            },
        ),
        CreateModelUnlessThere(
            name='OttSeries',
            fields=[
                ('id', models.TextField(primary_key=True, serialize=False)),
                ('catalog_id', models.TextField(db_default='')),
                ('name', models.TextField(db_default='')),
                ('description', models.TextField(db_default='')),
                ('position', models.BigIntegerField(null=True)),
                ('year', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'series',
                'default_permissions': (),
            },
        ),
        CreateModelUnlessThere(
            name='SyncMetadata',
            fields=[
                ('key', models.TextField(primary_key=True, serialize=False)),
                ('value', models.TextField(db_default='')),
            ],
            options={
                'db_table': 'sync_metadata',
                'default_permissions': (),
            },
        ),
        CreateModelUnlessThere(
            name='OttFile',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('nas_path', models.TextField()),
                ('filename', models.TextField(db_default='')),
                ('size_bytes', models.BigIntegerField(null=True)),
                ('extension', models.TextField(db_default='')),
                ('codec', models.TextField(db_default='')),
                ('resolution', models.TextField(db_default='')),
                ('duration_sec', models.FloatField(null=True)),
                ('hls_compatible', models.BooleanField(db_default=False)),
                ('content_id', models.TextField(db_default='')),
                ('status', models.TextField(db_default='active')),
                ('deleted_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'files',
                'default_permissions': (),
                'indexes': [models.Index(fields=['nas_path'], name='files_nas_path'), models.Index(fields=['content_id'], name='files_content')],
            },
        ),
    ]
