# One container: web and jobs together, SQLite in the /data volume unless DOORBELL_DATABASE_URL says otherwise.
FROM python:3.11-slim
RUN useradd --create-home doorbell && mkdir /data && chown doorbell /data
WORKDIR /srv/doorbell
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app app
COPY core core
COPY jobs jobs
COPY pages pages
COPY .streamlit .streamlit
USER doorbell
ENV DOORBELL_DATA_DIR=/data DOORBELL_HOST=0.0.0.0 DOORBELL_LOG_FORMAT=json
VOLUME /data
EXPOSE 8501
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/health', timeout=2)"]
CMD ["python", "-m", "app"]
